//! What expressions may call: CEL's standard library and two of its extensions.

use std::sync::{Arc, LazyLock};

use cel::common::types::{CelList, CelMap, CelString, DYN_TYPE};
use cel::common::value::{CowVal, Val};
use cel::{Env, ExecutionError, extensions};

/// Every function of [`environment`], by its whole name; a test calls each.
pub(super) const FUNCTIONS: [&str; 72] = [
    "bool",
    "bytes",
    "charAt",
    "contains",
    "double",
    "duration",
    "dyn",
    "endsWith",
    "format",
    "getDate",
    "getDayOfMonth",
    "getDayOfWeek",
    "getDayOfYear",
    "getFullYear",
    "getHours",
    "getMilliseconds",
    "getMinutes",
    "getMonth",
    "getSeconds",
    "hasValue",
    "indexOf",
    "int",
    "join",
    "lastIndexOf",
    "lowerAscii",
    "matches",
    "math.@max",
    "math.@min",
    "math.abs",
    "math.bitAnd",
    "math.bitNot",
    "math.bitOr",
    "math.bitShiftLeft",
    "math.bitShiftRight",
    "math.bitXor",
    "math.ceil",
    "math.floor",
    "math.isFinite",
    "math.isInf",
    "math.isNaN",
    "math.round",
    "math.sign",
    "math.sqrt",
    "math.trunc",
    "optional.none",
    "optional.of",
    "optional.ofNonZeroValue",
    "or",
    "orValue",
    "replace",
    "reverse",
    "size",
    "split",
    "startsWith",
    "string",
    "strings.quote",
    "substring",
    "timestamp",
    "trim",
    "type",
    "uint",
    "upperAscii",
    "value",
    // Macros stand here so that a wrong number of arguments is not called an unknown function.
    "all",
    "exists",
    "exists_one",
    "filter",
    "has",
    "map",
    "math.greatest",
    "math.least",
    SORTED,
];
/// Our own: the keys of a map in order; anything else as it is. CEL iterates over maps in random order.
pub(super) const SORTED: &str = "@sorted";

/// CEL with what every expression may use. Building it takes a while, so there is one.
pub(super) fn environment() -> Arc<Env> {
    static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
        let mut env = Env::stdlib();
        env.add_extension(extensions::strings)
            .expect("the standard library has no function of this extension");
        env.add_extension(extensions::math).expect("the standard library has no function of this extension");
        env.add_overload(SORTED, "sorted_dyn", vec![DYN_TYPE], sorted).expect("the name is our own");
        Arc::new(env)
    });
    Arc::clone(&ENVIRONMENT)
}

fn sorted<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let Some(argument) = args.into_iter().next() else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let Some(map) = argument.downcast_ref::<CelMap<'_>>() else { return Ok(argument) };
    let mut keys: Vec<_> =
        map.inner().keys().map(|key| (sort_key(key.inner()), key.inner().clone_as_boxed())).collect();
    keys.sort_by(|(a, _), (b, _)| a.cmp(b));
    let keys: Vec<Box<dyn Val + 'v>> = keys.into_iter().map(|(_, key)| key).collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

fn sort_key(key: &dyn Val) -> String {
    key.downcast_ref::<CelString<'_>>().map_or_else(|| format!("{key:?}"), |text| text.inner().to_owned())
}
