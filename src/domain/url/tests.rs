#![allow(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test fails by panicking, and a table is long"
)]

use proptest::prelude::*;

use super::*;

#[test]
fn good_addresses_are_normalised() {
    for (text, normal, transport, host) in [
        (
            "https://github.com/acme/agents",
            "https://github.com/acme/agents",
            Transport::Https,
            "github.com",
        ),
        (
            "HTTPS://GitHub.COM/Acme/Agents",
            "https://github.com/Acme/Agents",
            Transport::Https,
            "github.com",
        ),
        (
            "https://github.com/a/b.git",
            "https://github.com/a/b.git",
            Transport::Https,
            "github.com",
        ),
        (
            "https://github.com/a/b/",
            "https://github.com/a/b",
            Transport::Https,
            "github.com",
        ),
        (
            "https://github.com:443/a/b",
            "https://github.com/a/b",
            Transport::Https,
            "github.com",
        ),
        (
            "https://github.com:8443/a/b",
            "https://github.com:8443/a/b",
            Transport::Https,
            "github.com",
        ),
        ("https://h:0443/a", "https://h/a", Transport::Https, "h"),
        (
            "https://org@dev.azure.com/org/p/_git/r",
            "https://org@dev.azure.com/org/p/_git/r",
            Transport::Https,
            "dev.azure.com",
        ),
        ("https://host", "https://host/", Transport::Https, "host"),
        (
            "https://host//a//b",
            "https://host//a//b",
            Transport::Https,
            "host",
        ),
        (
            "https://host/a%20b",
            "https://host/a%20b",
            Transport::Https,
            "host",
        ),
        (
            "https://host/50%",
            "https://host/50%",
            Transport::Https,
            "host",
        ),
        ("https://host/é", "https://host/é", Transport::Https, "host"),
        (
            "https://host/~me/x",
            "https://host/~me/x",
            Transport::Https,
            "host",
        ),
        (
            "https://[::1]:8080/a",
            "https://[::1]:8080/a",
            Transport::Https,
            "::1",
        ),
        (
            "https://[0:0:0:0:0:0:0:1]/a",
            "https://[::1]/a",
            Transport::Https,
            "::1",
        ),
        (
            "http://127.0.0.1:3000/a.git",
            "http://127.0.0.1:3000/a.git",
            Transport::Http,
            "127.0.0.1",
        ),
        (
            "http://example.com:80/a",
            "http://example.com/a",
            Transport::Http,
            "example.com",
        ),
        (
            "ssh://git@host/a/b",
            "ssh://git@host/a/b",
            Transport::Ssh,
            "host",
        ),
        (
            "ssh://git@Host:22/a/b",
            "ssh://git@host/a/b",
            Transport::Ssh,
            "host",
        ),
        (
            "ssh://host:2222/~me/b",
            "ssh://host:2222/~me/b",
            Transport::Ssh,
            "host",
        ),
        (
            "git@github.com:acme/agents.git",
            "git@github.com:acme/agents.git",
            Transport::Ssh,
            "github.com",
        ),
        (
            "git@GitHub.com:Acme/A",
            "git@github.com:Acme/A",
            Transport::Ssh,
            "github.com",
        ),
        (
            "work:team/agents",
            "work:team/agents",
            Transport::Ssh,
            "work",
        ),
        (
            "me@host:/srv/a.git/",
            "me@host:/srv/a.git",
            Transport::Ssh,
            "host",
        ),
        ("git@[::1]:a/b", "git@[::1]:a/b", Transport::Ssh, "::1"),
        ("[fe80::1]:a", "[fe80::1]:a", Transport::Ssh, "fe80::1"),
        ("git://host/a", "git://host/a", Transport::Git, "host"),
        ("git://host:9418/a", "git://host/a", Transport::Git, "host"),
        ("file:///srv/a", "file:///srv/a", Transport::File, ""),
        (
            "FILE:///srv/My%20Agents/",
            "file:///srv/My%20Agents",
            Transport::File,
            "",
        ),
        ("file:///C:/a", "file:///C:/a", Transport::File, ""),
        (
            "gh:acme/agents",
            "https://github.com/acme/agents",
            Transport::Https,
            "github.com",
        ),
        (
            "gh:acme/agents.git",
            "https://github.com/acme/agents",
            Transport::Https,
            "github.com",
        ),
        (
            "Gh:acme/agents",
            "https://github.com/acme/agents",
            Transport::Https,
            "github.com",
        ),
        (
            "gh:a_b/.github",
            "https://github.com/a_b/.github",
            Transport::Https,
            "github.com",
        ),
    ] {
        let url = GitUrl::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(
            (url.as_str(), url.transport(), url.host()),
            (normal, transport, host),
            "{text}"
        );
        assert_eq!(GitUrl::parse(url.as_str()), Ok(url), "{text}");
    }
}

fn dots(component: &'static str) -> UrlError {
    UrlError::Dots { component }
}

fn character(character: char) -> UrlError {
    UrlError::Character { character }
}

fn option(part: &'static str) -> UrlError {
    UrlError::Option { part }
}

fn helper_error(name: &str) -> UrlError {
    UrlError::Helper {
        name: name.to_owned(),
    }
}

fn scheme(scheme: &str) -> UrlError {
    UrlError::Scheme {
        scheme: scheme.to_owned(),
    }
}

#[test]
fn hostile_addresses_are_refused_with_the_reason() {
    let slashes = |scheme: &str| UrlError::Slashes {
        scheme: scheme.to_owned(),
    };
    for (text, error) in [
        ("", UrlError::NotUrl),
        ("agents", UrlError::NotUrl),
        ("./agents", UrlError::NotUrl),
        ("../agents", UrlError::NotUrl),
        ("/srv/agents", UrlError::NotUrl),
        ("./a:b", UrlError::NotUrl),
        ("owner/repo", UrlError::NotUrl),
        ("--upload-pack=touch", option("address")),
        ("-oProxyCommand=x:y", option("address")),
        ("https://-oProxyCommand=x/a", option("host")),
        ("ssh://-oProxyCommand=x/a", option("host")),
        ("ssh://-l@host/a", option("user")),
        ("ssh://git@-host/a", option("host")),
        ("git@-host:a", option("host")),
        ("git@host:-a", option("path")),
        ("git@host:/-a", option("path")),
        ("ssh://host/-a", option("path")),
        ("ssh://host/%2da", option("path")),
        ("file:///-a", option("path")),
        ("ext::sh -c touch% /tmp/x", UrlError::Hidden),
        ("ext::sh", helper_error("ext")),
        ("EXT::sh", helper_error("EXT")),
        ("fd::3", helper_error("fd")),
        ("https::https://host/a", helper_error("https")),
        ("my-helper::a", helper_error("my-helper")),
        ("::a", helper_error("")),
        ("ftp://host/a", scheme("ftp")),
        ("ftps://host/a", scheme("ftps")),
        ("rsync://host/a", scheme("rsync")),
        ("git+ssh://host/a", scheme("git+ssh")),
        ("javascript://host/a", scheme("javascript")),
        ("https:host/a", slashes("https")),
        ("https:/host/a", slashes("https")),
        ("file:/srv/a", slashes("file")),
        ("SSH:host/a", slashes("ssh")),
        ("https://host/a b", UrlError::Hidden),
        (" https://host/a", UrlError::Hidden),
        ("https://host/a\n", UrlError::Hidden),
        ("https://host/a\r\nX: y", UrlError::Hidden),
        ("https://host/a\0", UrlError::Hidden),
        ("https://host/a\t", UrlError::Hidden),
        ("https://host/a%00", UrlError::Hidden),
        ("https://host/a%0a", UrlError::Hidden),
        ("https://host/a%0D", UrlError::Hidden),
        ("https://host/a%1b[2K", UrlError::Hidden),
        ("https://ho%0ast/a", UrlError::Hidden),
        ("https://host/a%ff", UrlError::Hidden),
        ("https://host/a%7f", UrlError::Hidden),
        ("https://host/\u{202e}a", UrlError::Hidden),
        ("https://host/%E2%80%AEa", UrlError::Hidden),
        ("https://git\u{200b}hub.com/a", UrlError::Hidden),
        ("https:///a", UrlError::EmptyHost),
        ("https://", UrlError::EmptyHost),
        ("https://user@/a", UrlError::EmptyHost),
        ("https://:443/a", UrlError::EmptyHost),
        ("ssh:///a", UrlError::EmptyHost),
        (":a", UrlError::EmptyHost),
        ("git@:a", UrlError::EmptyHost),
        ("https://ho%2dst/a", UrlError::Host),
        ("https://host..com/a", UrlError::Host),
        ("https://host./a", UrlError::Host),
        ("https://a.-b/a", UrlError::Host),
        ("https://gìthub.com/a", UrlError::Host),
        ("https://a;b/c", UrlError::Host),
        ("https://host\\@evil/a", UrlError::User),
        ("https://[::1/a", UrlError::Host),
        ("https://[x]/a", UrlError::Host),
        ("ho$t:a", UrlError::Host),
        ("https://host:/a", UrlError::Port),
        ("https://host:0/a", UrlError::Port),
        ("https://host:65536/a", UrlError::Port),
        ("https://host:+80/a", UrlError::Port),
        ("https://host:8a/a", UrlError::Port),
        ("https://@host/a", UrlError::User),
        ("ssh://a%20b@host/a", UrlError::User),
        ("ssh://$(x)@host/a", UrlError::User),
        ("git://me@host/a", UrlError::User),
        ("https://user:secret@host/a", UrlError::Password),
        ("https://user:@host/a", UrlError::Password),
        ("https://:secret@host/a", UrlError::Password),
        ("ssh://user:secret@host/a", UrlError::Password),
        ("user:secret@host:a", UrlError::Password),
        ("https://a@b@host/a", UrlError::Password),
        ("https://ghp_0123@github.com/a/b", UrlError::Password),
        ("https://glpat-0123@gitlab.com/a/b", UrlError::Password),
        (
            "https://0123456789abcdef0123456789abcdef@host/a",
            UrlError::Password,
        ),
        ("file://host/a", UrlError::FileHost),
        ("file://localhost/a", UrlError::FileHost),
        ("file://", UrlError::EmptyPath),
        ("file:///", UrlError::EmptyPath),
        ("C:\\agents", UrlError::Drive),
        ("C:/agents", UrlError::Drive),
        ("c:agents", UrlError::Drive),
        ("ssh://host", UrlError::EmptyPath),
        ("ssh://host/", UrlError::EmptyPath),
        ("git@host:", UrlError::EmptyPath),
        ("git://host", UrlError::EmptyPath),
        ("https://host/a/../b", dots("..")),
        ("https://host/..", dots("..")),
        ("https://host/%2e%2E/b", dots("..")),
        ("https://host/a%2f..%2fb", dots("..")),
        ("https://host/./a", dots(".")),
        ("ssh://host/../a", dots("..")),
        ("git@host:../a", dots("..")),
        ("file:///srv/../etc", dots("..")),
        ("git@host:a'b", character('\'')),
        ("git@host:a\"b", character('"')),
        ("git@host:a\\b", character('\\')),
        ("git@host:a!b", character('!')),
        ("git@host:$HOME", character('$')),
        ("git@host:a`id`", character('`')),
        ("git@host:a;id", character(';')),
        ("ssh://host/a%27b", character('\'')),
        ("ssh://host/a%3Bid", character(';')),
        ("ssh://host/a|id", character('|')),
        ("https://host/a?token=1", character('?')),
        ("https://host/a#b", character('#')),
        ("https://host/a%23b", character('#')),
        ("https://host/a\\b", character('\\')),
        ("https://host/a%5cb", character('\\')),
        ("gh:acme", UrlError::GitHub { part: "repository" }),
        ("gh:/agents", UrlError::GitHub { part: "owner" }),
        ("gh:-acme/agents", UrlError::GitHub { part: "owner" }),
        ("gh:ac.me/agents", UrlError::GitHub { part: "owner" }),
        ("gh:acme/", UrlError::GitHub { part: "repository" }),
        ("gh:acme/..", UrlError::GitHub { part: "repository" }),
        ("gh:acme/a/b", UrlError::GitHub { part: "repository" }),
        ("gh:acme/-a", UrlError::GitHub { part: "repository" }),
    ] {
        assert_eq!(GitUrl::parse(text).unwrap_err(), error, "{text:?}");
        assert!(!error.to_string().contains("secret"));
    }
}

#[test]
fn insecure_means_readable_on_the_way() {
    for (text, needs) in [
        ("http://example.com/a", true),
        ("git://example.com/a", true),
        ("http://127.0.0.1.example.com/a", true),
        ("http://localhost.example.com/a", true),
        ("http://128.0.0.1/a", true),
        ("http://0.0.0.0/a", true),
        ("http://localhost:8080/a", false),
        ("http://127.1.2.3/a", false),
        ("git://[::1]/a", false),
        ("https://example.com/a", false),
        ("git@example.com:a", false),
        ("file:///a", false),
    ] {
        assert_eq!(
            GitUrl::parse(text).unwrap().needs_insecure(),
            needs,
            "{text}"
        );
    }
}

#[test]
fn cache_keys_are_readable_and_differ_with_every_difference() {
    let key = |text: &str| GitUrl::parse(text).unwrap().cache_key();
    let plain = key("https://github.com/Acme/agents");
    assert_eq!(
        plain.rsplit_once('-').map(|(slug, hex)| (slug, hex.len())),
        Some(("github.com-acme-agents", 32))
    );
    assert_eq!(plain, key("HTTPS://github.com:443/Acme/agents/"));
    for other in [
        "https://github.com/acme/agents",
        "https://github.com/Acme/agents.git",
        "git@github.com:Acme/agents",
    ] {
        assert_ne!(plain, key(other), "{other}");
    }
    assert!(
        key("file:///%20").starts_with("20-"),
        "{}",
        key("file:///%20")
    );
    assert!(key("file:///é").starts_with("git-"));
    assert!(key(&format!("https://host/{}", "x/".repeat(500))).len() <= 81);
}

#[test]
fn origins_are_scheme_host_and_port() {
    let url = |text: &str| GitUrl::parse(text).unwrap();
    let base = url("https://host/a");
    assert!(base.same_origin(&url("https://HOST:443/b.git")));
    for other in [
        "http://host/a",
        "https://host:444/a",
        "https://other/a",
        "git@host:a",
    ] {
        assert!(!base.same_origin(&url(other)), "{other}");
    }
}

#[test]
fn secrets_are_not_shown() {
    for (text, shown) in [
        ("https://me@host/a", "https://***@host/a"),
        (
            "fatal: 'https://u:p@h/x' and http://t@h",
            "fatal: 'https://***@h/x' and http://***@h",
        ),
        ("ssh://git@host/a", "ssh://git@host/a"),
        ("https://host/a@b", "https://host/a@b"),
        ("https://u:p@x@h/a", "https://***@h/a"),
        ("no address", "no address"),
    ] {
        assert_eq!(redact(text), shown);
    }
    let url = GitUrl::parse("https://me@host/a").unwrap();
    assert_eq!(
        format!("{url} {url:?} {}", url.short_name()),
        "https://***@host/a GitUrl(https://***@host/a) a"
    );
}

#[test]
fn file_addresses_name_folders() {
    let path = |text: &str| GitUrl::parse(text).unwrap().local_path();
    assert_eq!(
        path("file:///srv/my%20agents"),
        Some(PathBuf::from("/srv/my agents"))
    );
    assert_eq!(path("file:///C:/agents"), Some(PathBuf::from("C:/agents")));
    assert_eq!(path("https://host/a"), None);
}

proptest! {
    #[test]
    fn any_text_is_parsed_or_refused_and_parsing_again_changes_nothing(text in any::<String>()) {
        if let Ok(url) = GitUrl::parse(&text) {
            prop_assert_eq!(GitUrl::parse(url.as_str()), Ok(url));
        }
    }

    #[test]
    fn likely_text_too(text in "(https|SSH|git|file|http|gh|GH|x)?(://|:|::)?([a-zA-Z0-9.%:@/\\[\\]~ -]|%2[efdEF0]){0,24}") {
        if let Ok(url) = GitUrl::parse(&text) {
            prop_assert!(!url.as_str().starts_with('-'));
            prop_assert!(!url.host().starts_with('-'));
            let key = url.cache_key();
            prop_assert!(key.len() <= 81 && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-'), "{}", key);
            prop_assert_eq!(GitUrl::parse(url.as_str()), Ok(url));
        }
    }
}
