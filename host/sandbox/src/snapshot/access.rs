//! Reads the memories and globals of an instance, through the functions that wizer has added to its component.

use wasmtime::Store;
use wasmtime::component::{Instance, Lift, WasmList};
use wasmtime_wizer::ComponentInstanceState;

use crate::state::State;

/// Pieces of memory between zeros. wizer makes a list of them, of 24 bytes each and twice, before it joins those that
/// are near; a heap of some MiB has some hundred thousand.
const PIECES: usize = 2 << 20;

/// An instance that wizer reads.
pub(super) struct Access<'a, R: 'static> {
    store: &'a mut Store<State<R>>,
    instance: Instance,
    /// The first failure. Wizer has no place for one: it is given nothing instead, and its snapshot is not used.
    failed: Option<wasmtime::Error>,
}

impl<'a, R: Send + 'static> Access<'a, R> {
    pub(super) fn new(store: &'a mut Store<State<R>>, instance: Instance) -> Self {
        Self { store, instance, failed: None }
    }

    /// Whether all could be read.
    pub(super) fn finish(self) -> wasmtime::Result<()> {
        self.failed.map_or(Ok(()), Err)
    }

    async fn call<T: Lift + Send + Sync + 'static>(
        &mut self,
        interface: &str,
        name: &str,
    ) -> wasmtime::Result<T> {
        let missing = || wasmtime::Error::msg(format!("{interface} has no function {name}"));
        let (_, interface_index) =
            self.instance.get_export(&mut *self.store, None, interface).ok_or_else(missing)?;
        let (_, function) =
            self.instance.get_export(&mut *self.store, Some(&interface_index), name).ok_or_else(missing)?;
        let function = self.instance.get_typed_func::<(), (T,)>(&mut *self.store, function)?;
        Ok(function.call_async(&mut *self.store, ()).await?.0)
    }

    async fn value<T: Lift + Default + Send + Sync + 'static>(&mut self, interface: &str, name: &str) -> T {
        match self.call(interface, name).await {
            Ok(value) => value,
            Err(error) => {
                self.failed.get_or_insert(error);
                T::default()
            }
        }
    }
}

impl<R: Send + 'static> ComponentInstanceState for Access<'_, R> {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        func: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        match self.call::<WasmList<u8>>(instance, func).await {
            Ok(list) if pieces(list.as_le_slice(&*self.store)) <= PIECES => {
                contents(list.as_le_slice(&*self.store));
            }
            Ok(_) => {
                let scattered = format!("its memory is in more than {PIECES} pieces between zeros");
                self.failed.get_or_insert(wasmtime::Error::msg(scattered));
                contents(&[]);
            }
            Err(error) => {
                self.failed.get_or_insert(error);
                contents(&[]);
            }
        }
    }

    async fn call_func_ret_s32(&mut self, instance: &str, func: &str) -> i32 {
        self.value(instance, func).await
    }

    async fn call_func_ret_s64(&mut self, instance: &str, func: &str) -> i64 {
        self.value(instance, func).await
    }

    async fn call_func_ret_f32(&mut self, instance: &str, func: &str) -> u32 {
        self.value::<f32>(instance, func).await.to_bits()
    }

    async fn call_func_ret_f64(&mut self, instance: &str, func: &str) -> u64 {
        self.value::<f64>(instance, func).await.to_bits()
    }
}

fn pieces(memory: &[u8]) -> usize {
    let begins =
        memory.iter().zip(memory.iter().skip(1)).filter(|(before, byte)| **before == 0 && **byte != 0);
    usize::from(memory.first().is_some_and(|byte| *byte != 0)) + begins.count()
}

#[cfg(test)]
mod tests {
    use super::pieces;

    #[test]
    fn pieces_are_counted_by_their_beginnings() {
        assert_eq!([&[][..], &[0], &[1], &[1, 1, 0], &[0, 1, 0, 0, 1, 1, 0, 1]].map(pieces), [0, 0, 1, 1, 3]);
    }
}
