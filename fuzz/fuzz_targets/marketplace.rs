//! `marketplace.json` and `plugin.json`: whatever the texts are, no plugin is outside the repository.
#![no_main]

use agentpkg::domain::discovery::plugins::{MARKETPLACE, PLUGIN, Plugins};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|texts: (&str, &str)| {
    let path = format!("plugins/one/{PLUGIN}");
    let read = |asked: &str| Some(if asked == MARKETPLACE { texts.0 } else { texts.1 }.to_owned());
    let plugins = Plugins::of([path.as_str()].into_iter(), &read);
    for plugin in &plugins.here {
        assert!(!plugin.root.starts_with('/') && plugin.root.split('/').all(|part| part != ".."));
        let _ = (plugin.holds("agents/a.md"), plugins.holding("plugins/one/agents/a.md"));
    }
});
