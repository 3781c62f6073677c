//! Stock plugin json-schema.
