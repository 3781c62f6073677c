//! Durability: the journal in memory and on sled.
