//! WebAssembly: engine, component cache, limits, the host side of WIT, egress.
