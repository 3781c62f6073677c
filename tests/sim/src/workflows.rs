//! Workflows of every shape, made up by dice.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Value, json};
use stepmill_core::journal::Deployment;
use stepmill_core::limits::Limits;
use stepmill_core::manifest::{Kind, Manifest};
use stepmill_core::workflow::{Definition, Environment, EventPlan, Names, Plan, PluginInfo, Version};
use stepmill_server::catalog::{Catalog, Deployed, DeployedEvent};
use stepmill_server::ingress::Senders;

use crate::dice::Dice;

/// The workflow that others call.
pub const LEAF: &str = "leaf";
/// The systems that connectors talk to.
pub const SYSTEMS: [&str; 2] = ["erp", "crm"];
/// The event that runs wait for.
pub const EVENT: &str = "ping";
/// Keys of lanes, of events and of what is gathered: few, so that runs meet.
pub const KEYS: u64 = 4;

/// Made-up workflows and the leaf, as they are on disk.
pub struct Definitions {
    definitions: Vec<Value>,
    /// How often they have been changed. Plugins change with them.
    generation: usize,
    /// Compiling them is slow, and a process starts often.
    compiled: Compiled,
}

impl Definitions {
    /// Some workflows.
    pub fn make_up(dice: &Dice) -> Self {
        let count = 1 + dice.below(3);
        let mut definitions: Vec<Value> =
            (0..count).map(|number| workflow(dice, &format!("w{number}"))).collect();
        definitions.push(leaf(dice));
        let mut made_up = Self { definitions, generation: 0, compiled: Compiled::default() };
        made_up.compiled = Compiled::of(&made_up);
        made_up
    }

    /// The names of those that events come for.
    pub fn names(&self) -> Vec<String> {
        self.all_names().filter(|name| name != LEAF).collect()
    }

    fn all_names(&self) -> impl Iterator<Item = String> {
        self.definitions.iter().filter_map(|definition| definition["name"].as_str().map(str::to_owned))
    }

    /// Gives some of them other steps, and all of them other plugins.
    pub fn change(&mut self, dice: &Dice) {
        self.generation += 1;
        for definition in self.definitions.iter_mut().filter(|definition| definition["name"] != LEAF) {
            if dice.chance(600) {
                definition["steps"] = steps(dice);
            }
        }
        self.compiled = Compiled::of(self);
    }

    /// How many runs of a workflow may be worked on at once.
    pub fn concurrency(&self, workflow: &str) -> Option<u64> {
        self.definitions.iter().find(|definition| definition["name"] == workflow)?["concurrency"].as_u64()
    }
}

/// The digest of a plugin of a generation.
fn digest(plugin: &str, generation: usize) -> String {
    format!("{plugin}/{generation}")
}

/// Workflows, compiled.
#[derive(Clone, Default)]
struct Compiled {
    plans: BTreeMap<String, Arc<Deployed>>,
    deployment: Deployment,
}

impl Compiled {
    fn of(definitions: &Definitions) -> Self {
        let known: BTreeSet<String> = definitions.all_names().collect();
        let plugins = [("check", Kind::Validate), ("shape", Kind::Transform), ("call", Kind::Connector)]
            .into_iter()
            .map(|(name, kind)| (name.to_owned(), plugin(name, kind, &digest(name, definitions.generation))))
            .collect();
        let mut compiled = Self::default();
        for definition in &definitions.definitions {
            let (plan, version) = plan(definition, &known, &plugins);
            compiled.deployment.versions.push(version);
            let deployed = Deployed {
                plan: Arc::new(plan),
                verifier: None,
                senders: Senders::default(),
                file: PathBuf::new(),
            };
            compiled.plans.insert(deployed.plan.name.to_string(), Arc::new(deployed));
        }
        compiled
    }
}

/// A catalog of what is on disk, and what the journal is to keep of it.
pub fn catalog(definitions: &Definitions) -> (Catalog, Deployment) {
    let Compiled { plans, deployment } = definitions.compiled.clone();
    let event = json!({ "key": "${{ body.key }}", "keep": "10m" });
    let event = EventPlan::try_new(EVENT, serde_json::from_value(event).unwrap()).unwrap();
    let event = Arc::new(DeployedEvent { plan: event, verifier: None, senders: Senders::default() });
    let catalog = Catalog {
        plans,
        events: BTreeMap::from([(EVENT.to_owned(), event)]),
        gates: BTreeMap::new(),
        by_path: HashMap::new(),
        plugins: BTreeMap::new(),
        ..Catalog::default()
    };
    (catalog, deployment)
}

fn plan(
    definition: &Value,
    workflows: &BTreeSet<String>,
    plugins: &BTreeMap<String, PluginInfo>,
) -> (Plan, Version) {
    let environment = Environment {
        plugins,
        unused_plugins: Names::Any,
        systems: Names::Of(&SYSTEMS.map(str::to_owned).into()),
        events: Names::Of(&BTreeSet::from([EVENT.into()])),
        workflows: Names::Of(workflows),
        has_links: false,
        limits: Limits::default(),
        read_file: &|path| Err(format!("there is no file {path}")),
    };
    let parsed: Definition = serde_json::from_value(definition.clone()).unwrap();
    let plan = Plan::try_new(parsed.clone(), &environment)
        .unwrap_or_else(|problems| panic!("{definition:#} {problems:#?}"));
    let version = Version::of(&plan, parsed, BTreeMap::new(), plugins);
    (plan, version)
}

fn plugin(name: &str, kind: Kind, digest: &str) -> PluginInfo {
    let manifest = Manifest {
        name: name.into(),
        version: "1.0.0".into(),
        summary: "simulated".into(),
        kind,
        config_schema: json!({ "type": "object" }),
        input_schema: None,
        output_schema: None,
    };
    PluginInfo { manifest: Arc::new(manifest), digest: digest.into() }
}

fn leaf(dice: &Dice) -> Value {
    json!({ "name": LEAF, "retry": retry(dice), "steps": [connector(dice, "send"), { "id": "shape", "use": "shape" }] })
}

fn workflow(dice: &Dice, name: &str) -> Value {
    let mut definition = json!({ "name": name, "retry": retry(dice), "on": {} });
    let members = definition.as_object_mut().unwrap();
    members.insert("steps".into(), steps(dice));
    if dice.chance(200) {
        members.insert("concurrency".into(), json!(1 + dice.below(3)));
    }
    match dice.below(6) {
        0 | 1 => {
            let on_dead = if dice.chance(500) { "block" } else { "pass" };
            let lane =
                json!({ "key": "${{ body.lane }}", "concurrency": 1 + dice.below(2), "on-dead": on_dead });
            members.insert("lane".into(), lane);
        }
        2 => {
            let mut gather = json!({ "by": "${{ body.lane }}", "for": "1m", "max": 2 + dice.below(4) });
            if dice.chance(500) {
                gather["quiet"] = json!("10s");
            }
            if dice.chance(300) {
                gather["keep"] = json!("last");
            }
            let webhook = json!({ "path": format!("/{name}"), "verify": { "scheme": "none" } });
            members.insert("on".into(), json!({ "webhook": webhook, "gather": gather }));
        }
        _ => {}
    }
    if dice.chance(200) {
        members.insert("timeout".into(), json!(format!("{}m", 1 + dice.below(120))));
    }
    if dice.chance(400) {
        members.insert("redrive".into(), redrive(dice));
    }
    if dice.chance(200) {
        members.insert("on-failure".into(), json!([connector(dice, "tell")]));
    }
    if dice.chance(200) {
        members.insert("on-success".into(), json!([connector(dice, "tell")]));
    }
    if dice.chance(300) {
        let every = format!("{}s", 60 + dice.below(600));
        let overlap = ["allow", "skip", "queue", "cancel"][usize::try_from(dice.below(4)).unwrap()];
        let catch_up = [json!("none"), json!("latest"), json!({ "all": 3 })]
            [usize::try_from(dice.below(3)).unwrap()]
        .clone();
        let schedule = json!({ "every": every, "overlap": overlap, "catch-up": catch_up });
        members.get_mut("on").unwrap()["schedule"] = schedule;
        // A schedule's payload has no keys.
        members.remove("lane");
    }
    definition
}

fn steps(dice: &Dice) -> Value {
    let steps = (0..1 + dice.below(6)).map(|index| step(dice, index)).collect();
    linked(dice, steps)
}

fn retry(dice: &Dice) -> Value {
    json!({ "attempts": 2 + dice.below(5), "first": "1s", "max": "1m" })
}

/// Some rules, by which all or some dead letters are redriven.
fn redrive(dice: &Dice) -> Value {
    let rule = |on: Value| json!({ "on": on, "after": format!("{}s", 1 + dice.below(1_800)), "times": 1 + dice.below(3) });
    let some = rule(json!({ "cause": ["rejected", "retry-asked", "timed-out"] }));
    let rest = rule(json!({ "category": ["data", "plugin-fault", "transient", "limit"] }));
    if dice.chance(500) { json!([some, rest]) } else { json!([some]) }
}

fn connector(dice: &Dice, id: &str) -> Value {
    let system = if dice.chance(500) { "erp" } else { "crm" };
    json!({ "id": id, "use": "call", "system": system })
}

fn undo(dice: &Dice) -> Value {
    let mut undo = connector(dice, "");
    undo.as_object_mut().unwrap().remove("id");
    undo
}

fn step(dice: &Dice, index: u64) -> Value {
    let id = format!("s{index}");
    let mut step = match dice.below(14) {
        0..=2 => json!({ "id": id, "use": if dice.chance(300) { "check" } else { "shape" } }),
        3..=6 => {
            let mut step = connector(dice, &id);
            if dice.chance(300) {
                step["undo"] = undo(dice);
            }
            step
        }
        7 => json!({ "id": id, "sleep": format!("{}s", dice.below(600)) }),
        8 => {
            let mut step = json!({ "id": id, "wait": { "event": EVENT, "key": "${{ event.trigger.kind == 'schedule' ? 'k0' : string(run.accepted_ms % 4) }}" } });
            step["wait"]["key"] = json!("k${{ run.accepted_ms % 4 }}");
            if dice.chance(600) {
                step["timeout"] = json!(format!("{}m", 1 + dice.below(15)));
            }
            step
        }
        9 => {
            let mut step = json!({ "id": id, "approve": {} });
            if dice.chance(600) {
                step["timeout"] = json!(format!("{}m", 1 + dice.below(15)));
            }
            step
        }
        10 => {
            let detach = dice.chance(300);
            let mut step = json!({ "id": id, "call": { "workflow": LEAF, "detach": detach } });
            if !detach && dice.chance(300) {
                step["undo"] = undo(dice);
            }
            step
        }
        _ => {
            let failures = ["all", "collect", "stop"][usize::try_from(dice.below(3)).unwrap()];
            let list = "${{ [1, 2, 3, 4, 5].filter(i, i <= run.accepted_ms % 6) }}";
            let mut each = json!({ "in": list, "concurrency": 1 + dice.below(3), "failures": failures });
            if dice.chance(300) {
                each["batch"] = json!(2);
            }
            let mut step = json!({ "id": id, "for-each": each });
            match dice.below(3) {
                0 => step["call"] = json!({ "workflow": LEAF }),
                1 => step["steps"] = json!([{ "id": "shape", "use": "shape" }, connector(dice, "send")]),
                _ => {
                    step["use"] = json!("call");
                    step["system"] = json!("erp");
                }
            }
            step
        }
    };
    if dice.chance(200) {
        step["when"] = json!(format!("${{{{ run.accepted_ms % {} != 0 }}}}", 2 + dice.below(4)));
    }
    step
}

/// Some steps name what they need, and some are alternatives to the one before.
fn linked(dice: &Dice, mut steps: Vec<Value>) -> Value {
    for index in 1..steps.len() {
        let may_fail = {
            let before = &steps[index - 1];
            let waits = before.get("wait").is_some() && before.get("timeout").is_some();
            before.get("when").is_some() || before.get("approve").is_some() || waits
        };
        if may_fail && dice.chance(300) {
            steps[index]["otherwise"] = json!(format!("s{}", index - 1));
        } else if dice.chance(300) {
            let count = dice.below(3);
            let needs: BTreeSet<String> =
                (0..count).map(|_| format!("s{}", dice.below(index as u64))).collect();
            steps[index]["needs"] = json!(needs);
        }
    }
    Value::Array(steps)
}
