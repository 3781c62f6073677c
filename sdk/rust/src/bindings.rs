//! What `wit-bindgen` makes of `wit/`: nothing but its output.
//!
//! The connector's world has every import of the steps' worlds, so its module holds the shared types and functions; the
//! others refer to them. An import that a component does not call is not in the component: a
//! transform built from this crate imports `log` at most.
//!
//! A plugin exports two worlds, its kind's and `preparer`, which together are the one of its kind with `prepare`:
//! the macros that export an interface are crate-wide, so that four worlds could not each have it.

#![allow(missing_docs, unsafe_code, unused_qualifications, clippy::all, clippy::pedantic)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "generated code")]

pub mod connector {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "connector-plugin",
        additional_derives: [Clone, PartialEq],
        generate_unused_types: true,
        pub_export_macro: true,
        export_macro_name: "export_world",
    });
}

pub mod transform {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "transform-plugin",
        with: {
            "stepmill:plugin/types@0.1.0": super::connector::stepmill::plugin::types,
            "stepmill:plugin/log@0.1.0": super::connector::stepmill::plugin::log,
        },
        pub_export_macro: true,
        export_macro_name: "export_world",
    });
}

pub mod validate {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "validate-plugin",
        with: {
            "stepmill:plugin/types@0.1.0": super::connector::stepmill::plugin::types,
            "stepmill:plugin/log@0.1.0": super::connector::stepmill::plugin::log,
        },
        pub_export_macro: true,
        export_macro_name: "export_world",
    });
}

pub mod verify {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "verify-plugin",
        with: {
            "stepmill:plugin/types@0.1.0": super::connector::stepmill::plugin::types,
            "stepmill:plugin/log@0.1.0": super::connector::stepmill::plugin::log,
        },
        additional_derives: [Clone, PartialEq],
        generate_unused_types: true,
        pub_export_macro: true,
        export_macro_name: "export_world",
    });
}

pub mod preparer {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "preparer",
        with: {
            "stepmill:plugin/types@0.1.0": super::connector::stepmill::plugin::types,
        },
        pub_export_macro: true,
        export_macro_name: "export_world",
    });
}
