//! Dead letters: what kind of trouble killed a run, and which died of the same.
//!
//! A [`Category`] says who has to do something and what; a [`Fingerprint`] puts together the dead letters
//! that one correction brings back to life. Nothing is retried or rejected on their account; but rules may redrive
//! dead letters of a category by themselves, see [`redrive`].

mod category;
mod fingerprint;
mod normal;
pub mod redrive;

pub use category::Category;
pub use fingerprint::{Fingerprint, InvalidFingerprint, fingerprint};
pub use redrive::Redrive;
