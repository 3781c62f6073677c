//! The plugins that the binary carries, compiled by `build.rs` from `plugins/`.

/// A plugin that the binary carries.
#[derive(Clone, Copy, Debug)]
pub struct Stock {
    /// The name that a step's `use` gives.
    pub name: &'static str,
    /// The component.
    pub component: &'static [u8],
}

/// Every stock plugin, by name: one for each folder of `plugins/`.
pub static ALL: &[Stock] = include!(concat!(env!("OUT_DIR"), "/stock.rs"));

/// The stock plugin of a name.
pub fn find(name: &str) -> Option<&'static Stock> {
    ALL.iter().find(|stock| stock.name == name)
}

/// Their names, for advice.
pub fn names() -> String {
    ALL.iter().map(|stock| stock.name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn stock_plugins_are_components() {
        // The preamble of a component: version 13, layer 1.
        for stock in ALL {
            assert_eq!(stock.component.get(..8), Some(b"\0asm\x0d\0\x01\0".as_slice()), "{}", stock.name);
        }
    }
}
