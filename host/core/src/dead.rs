//! Dead letters: what kind of trouble killed a run, and which died of the same.
//!
//! A [`Category`] says who has to do something and what; a [`Fingerprint`] puts together the dead letters
//! that one correction brings back to life. Both are made for a person's eyes: nothing is retried or
//! rejected on their account.

mod category;
mod fingerprint;
mod normal;

pub use category::Category;
pub use fingerprint::{Fingerprint, InvalidFingerprint, fingerprint};
