//! The plugins that the binary carries, compiled by `build.rs` from `plugins/`.

/// A plugin that the binary carries.
#[derive(Clone, Copy, Debug)]
pub struct Stock {
    /// The name that a step's `use` gives.
    pub name: &'static str,
    /// The component.
    pub component: &'static [u8],
}

/// Every stock plugin, by name.
pub const ALL: [Stock; 3] = [
    Stock {
        name: "json-schema",
        component: include_bytes!(concat!(env!("OUT_DIR"), "/stepmill_plugin_json_schema.wasm")),
    },
    Stock { name: "map", component: include_bytes!(concat!(env!("OUT_DIR"), "/stepmill_plugin_map.wasm")) },
    Stock { name: "rest", component: include_bytes!(concat!(env!("OUT_DIR"), "/stepmill_plugin_rest.wasm")) },
];

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
