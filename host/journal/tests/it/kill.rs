//! kill -9 at any moment loses nothing that was answered.

use stepmill_journal::Sync;

use crate::writer::{Answered, Writer, Writes};

const KILLS: usize = 12;

#[test]
fn nothing_answered_is_lost_to_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let mut answered = Answered::default();
    for kill in 0..KILLS {
        let writer = Writer::start(&path, Writes { sync: Sync::Durable, prunes: false });
        writer.wait(50 + kill * 97 % 700);
        answered.extend(writer.kill());
        assert_eq!(answered.lost_in(&path), Vec::<String>::new());
    }
    assert!(answered.len() > KILLS * 50);
    println!("{KILLS} kills, {} answers, none lost", answered.len());
}
