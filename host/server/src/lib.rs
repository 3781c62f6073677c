//! The service: config, ingress, dispatcher, admin API, CLI.
