//! Journals of interrupted commands: any bytes are shown, accepted or refused, and nothing outside of the project's own files changes.
#![no_main]

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use agentpkg::env::Environment;
use agentpkg::store::holder::Patience;
use agentpkg::store::project::Project;
use agentpkg::store::transaction::{Trust, interruption, lock};
use libfuzzer_sys::fuzz_target;

struct Place {
    folder: tempfile::TempDir,
    project: PathBuf,
    environment: Environment,
}

static PLACE: LazyLock<Place> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("there is a folder for temporary files");
    let project = folder.path().join("project");
    fs::create_dir_all(project.join(".agentpkg/state")).expect("the folder is new");
    fs::write(project.join("agentpkg.toml"), "").expect("the folder is new");
    fs::write(project.join("mine.txt"), "mine").expect("the folder is new");
    fs::write(folder.path().join("outside"), "outside").expect("the folder is new");
    let environment = Environment::read();
    Place { folder, project, environment }
});

fuzz_target!(|bytes: &[u8]| {
    let place = &*PLACE;
    let agents = place.project.join(".claude/agents");
    fs::create_dir_all(&agents).expect("nothing else is there");
    fs::write(agents.join("a.md"), "old").expect("the folder is there");
    fs::write(place.project.join(".agentpkg/state/journal"), bytes).expect("the folder is there");
    let project = Project::at(&place.project, &place.environment).expect("it is a folder");
    let _ = interruption(&project);
    for trust in [Trust::Sealed, Trust::Accepted, Trust::Discard] {
        drop(lock(&project, &Patience::default(), trust, |_| {}));
    }
    assert_eq!(fs::read(place.folder.path().join("outside")).expect("it is not ours"), b"outside");
    assert_eq!(fs::read(place.project.join("mine.txt")).expect("it is not ours"), b"mine");
    let _ = fs::remove_dir_all(place.project.join(".agentpkg/state/history"));
});
