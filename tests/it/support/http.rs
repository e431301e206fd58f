//! A small smart-HTTP git server on this machine: `git http-backend` behind a few threads, and faults on request.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use agentpkg::domain::url::GitUrl;

/// How the server misbehaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Answers every request with this status.
    Status(u16),
    /// Asks for a password, and takes `user:secret`.
    Password,
    /// Ends the pack after this many bytes.
    Truncate(usize),
    /// Drops the connection without an answer.
    Reset,
    /// Never answers.
    Hang,
    /// Answers with one byte every tenth of a second.
    Drip,
    /// Redirects to another base address, which may begin with `/`.
    Redirect(String),
    /// The same, for addresses that begin with the first path.
    RedirectFrom(String, String),
    /// Answers with something that is not git.
    Garbage,
    /// Flips a bit this many percent into the pack.
    Corrupt(usize),
    /// Sends packs in small pieces with pauses, at about 10 MB a second.
    Slow,
    /// The same, at about 1 MB a second.
    VerySlow,
    /// Fails with 500 this many times, then works.
    Recover(u32),
    /// Speaks only the first protocol, in which nobody can ask for single objects.
    OldProtocol,
    /// The same, and leaves no history out.
    Unshallow,
    /// Answers only after this many repositories were asked for; gives up after a while.
    Together(usize),
    /// Answers requests of this stage with these bytes, status line and headers included.
    Raw(Stage, Vec<u8>),
}

/// The three requests of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The first one, for the capabilities.
    Capabilities,
    /// For the references.
    References,
    /// For the objects.
    Objects,
}

impl Stage {
    fn of(request: &Request) -> Self {
        let body = String::from_utf8_lossy(&request.body);
        match request.method.as_str() {
            "POST" if body.contains("command=fetch") => Self::Objects,
            "POST" => Self::References,
            _ => Self::Capabilities,
        }
    }
}

/// One request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: HashMap<String, String>,
    body: Vec<u8>,
}

struct Shared {
    root: PathBuf,
    fault: Mutex<Fault>,
    requests: Mutex<Vec<Request>>,
    gathered: Mutex<HashSet<String>>,
    gathering: Condvar,
}

/// A running server; its threads end with the test process.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Serves the repositories in `root`.
    pub(crate) fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            root: root.to_owned(),
            fault: Mutex::new(Fault::None),
            requests: Mutex::default(),
            gathered: Mutex::default(),
            gathering: Condvar::new(),
        });
        let server = Self {
            address,
            shared: Arc::clone(&shared),
        };
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A client that goes away in the middle is what some tests are about.
                thread::spawn(move || drop(serve(&shared, &stream)));
            }
        });
        server
    }

    /// The address of a repository.
    pub(crate) fn url(&self, name: &str) -> GitUrl {
        GitUrl::parse(&format!("http://{}/{name}", self.address)).unwrap()
    }

    /// Misbehaves from now on.
    pub(crate) fn fault(&self, fault: Fault) {
        *self.shared.fault.lock().unwrap() = fault;
    }

    /// The requests so far; the list is cleared.
    pub(crate) fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut *self.shared.requests.lock().unwrap())
    }
}

fn serve(shared: &Shared, stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    let Some(request) = read_request(&mut reader)? else {
        return Ok(());
    };
    shared.requests.lock().unwrap().push(request.clone());
    let fault = shared.fault.lock().unwrap().clone();
    let mut output = stream;
    let is_pack = Stage::of(&request) == Stage::Objects;
    let fault_is_slow = fault == Fault::Slow;
    let fault_is_unshallow = fault == Fault::Unshallow;
    match fault {
        Fault::Status(status) => respond(output, status, "", b"no")?,
        Fault::Password
            if request.headers.get("authorization").map(String::as_str)
                != Some("Basic dXNlcjpzZWNyZXQ=") =>
        {
            respond(
                output,
                401,
                "WWW-Authenticate: Basic realm=\"agents\"\r\n",
                b"",
            )?;
        }
        Fault::Reset => {}
        Fault::Hang => thread::sleep(Duration::from_secs(30)),
        Fault::Drip => {
            let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\n\r\n001e# service=git-upload-pack\n";
            for byte in answer.iter().chain([b'0'; 300].iter()) {
                output.write_all(&[*byte])?;
                thread::sleep(Duration::from_millis(100));
            }
        }
        Fault::RedirectFrom(from, _) if !request.target.starts_with(&from) => {
            output.write_all(&run_backend(shared, &request)?)?;
        }
        Fault::Redirect(to) | Fault::RedirectFrom(_, to) => {
            let rest = request
                .target
                .find("/info/refs")
                .map_or("", |at| &request.target[at..]);
            respond(output, 302, &format!("Location: {to}{rest}\r\n"), b"")?;
        }
        Fault::Garbage => {
            respond(
                output,
                200,
                "Content-Type: text/html\r\n",
                b"<!doctype html>\n<html><body>\nhello\n</body></html>\n",
            )?;
        }
        Fault::OldProtocol | Fault::Unshallow => {
            output.write_all(&of_old_protocol(shared, request, fault_is_unshallow)?)?;
        }
        Fault::Together(count) => {
            if is_gathered(shared, &request, count) {
                output.write_all(&run_backend(shared, &request)?)?;
            } else {
                respond(output, 404, "", b"nobody else came")?;
            }
        }
        Fault::Recover(left) if left > 0 => {
            *shared.fault.lock().unwrap() = Fault::Recover(left - 1);
            respond(output, 500, "", b"")?;
        }
        Fault::Raw(stage, bytes) if stage == Stage::of(&request) => output.write_all(&bytes)?,
        Fault::Truncate(bytes) if is_pack => {
            let answer = run_backend(shared, &request)?;
            output.write_all(&answer[..bytes.min(answer.len())])?;
        }
        Fault::Corrupt(percent) if is_pack => {
            let mut answer = run_backend(shared, &request)?;
            let pack = pack_bytes(&answer);
            answer[pack[pack.len() * percent / 100]] ^= 0x10;
            output.write_all(&answer)?;
        }
        Fault::Slow | Fault::VerySlow if is_pack => {
            let pause = if fault_is_slow { 6 } else { 60 };
            for piece in run_backend(shared, &request)?.chunks(1 << 16) {
                output.write_all(piece)?;
                thread::sleep(Duration::from_millis(pause));
            }
        }
        _ => output.write_all(&run_backend(shared, &request)?)?,
    }
    output.flush()?;
    stream.shutdown(Shutdown::Write)
}

/// Waits until so many repositories were asked for; `false` if that takes too long.
fn is_gathered(shared: &Shared, request: &Request, count: usize) -> bool {
    let repository = request
        .target
        .split(".git")
        .next()
        .unwrap_or_default()
        .to_owned();
    let mut gathered = shared.gathered.lock().unwrap();
    gathered.insert(repository);
    shared.gathering.notify_all();
    let patience = Duration::from_secs(20);
    let (gathered, _) = shared
        .gathering
        .wait_timeout_while(gathered, patience, |gathered| gathered.len() < count)
        .unwrap();
    gathered.len() >= count
}

/// The answer in the first protocol.
fn of_old_protocol(
    shared: &Shared,
    mut request: Request,
    is_unshallow: bool,
) -> std::io::Result<Vec<u8>> {
    let _ = request.headers.remove("git-protocol");
    let mut answer = run_backend(shared, &request)?;
    if is_unshallow {
        // A capability of the same length that no client knows.
        replace(&mut answer, b" shallow ", b" shallox ");
    }
    Ok(answer)
}

/// Puts bytes in the place of as many others, wherever these stand.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    let places: Vec<usize> = (bytes.windows(from.len()).enumerate())
        .filter(|(_, window)| *window == from)
        .map(|(at, _)| at)
        .collect();
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
}

/// Where the pack's bytes are in an answer: side-band 1, without the lengths and the progress between them.
fn pack_bytes(answer: &[u8]) -> Vec<usize> {
    let mut at = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap()
        + 4;
    let mut found = Vec::new();
    while at + 4 <= answer.len() {
        let length = usize::from_str_radix(std::str::from_utf8(&answer[at..at + 4]).unwrap(), 16)
            .unwrap()
            .max(4);
        if answer.get(at + 4) == Some(&1) && length > 4 {
            found.extend(at + 5..at + length);
        }
        at += length;
    }
    found
}

fn respond(mut output: &TcpStream, status: u16, headers: &str, body: &[u8]) -> std::io::Result<()> {
    let length = body.len();
    write!(
        output,
        "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n"
    )?;
    output.write_all(body)
}

fn read_request(reader: &mut impl BufRead) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let mut body = Vec::new();
    if let Some(length) = headers
        .get("content-length")
        .and_then(|length| length.parse().ok())
    {
        reader.take(length).read_to_end(&mut body)?;
    } else if headers.contains_key("transfer-encoding") {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size)?;
            let size = u64::from_str_radix(size.trim(), 16).unwrap_or(0);
            reader.by_ref().take(size).read_to_end(&mut body)?;
            reader.read_line(&mut String::new())?;
            if size == 0 {
                break;
            }
        }
    }
    Ok(Some(Request {
        method,
        target,
        headers,
        body,
    }))
}

/// Runs git's own CGI program and turns its answer into HTTP.
fn run_backend(shared: &Shared, request: &Request) -> std::io::Result<Vec<u8>> {
    let (path, query) = request
        .target
        .split_once('?')
        .unwrap_or((&request.target, ""));
    let header = |name: &str| request.headers.get(name).cloned().unwrap_or_default();
    let mut child = Command::new("git")
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", &shared.root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("REQUEST_METHOD", &request.method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("REMOTE_ADDR", "127.0.0.1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut stdin = child.stdin.take().unwrap();
    let body = request.body.clone();
    let writer = thread::spawn(move || drop(stdin.write_all(&body)));
    let output = child.wait_with_output()?.stdout;
    writer.join().unwrap();
    let end = output
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .map_or(output.len(), |at| at + 4);
    let head = String::from_utf8_lossy(&output[..end]).into_owned();
    let status = head
        .lines()
        .find_map(|line| line.strip_prefix("Status: "))
        .unwrap_or("200 OK")
        .to_owned();
    let length = output.len() - end;
    let mut answer =
        format!("HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{head}")
            .into_bytes();
    answer.extend_from_slice(&output[end..]);
    Ok(answer)
}
