//! `.mcp.json`: any bytes are read or refused; what is added and taken out again leaves the same bytes.
#![no_main]

use agentpkg::domain::server::ServerEntry;
use agentpkg::store::mcp_file::McpFile;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(file) = McpFile::parse(Some(bytes), ".mcp.json") else { return };
    if file.server("x-new").is_some() {
        return;
    }
    let entry = ServerEntry::Program { command: "npx".to_owned(), args: vec!["-y".to_owned()], env: Vec::new() };
    let (text, created) = file.add("x-new", &entry);
    let added = McpFile::parse(Some(text.as_bytes()), ".mcp.json").expect("it was sound before");
    assert_eq!(added.remove("x-new", created).unwrap_or_default().as_bytes(), bytes);
});
