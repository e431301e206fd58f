#!/usr/bin/env python3
"""What a cold add costs beside `git clone --depth 1`: bytes over the wire, time, commands of git.

    cargo build --release && python3 benches/fetch.py [--rounds 9] [--program target/release/agentpkg] [small] [history] [large] [many] [local]

Makes the registries (about 180 agents; 750 Markdown files with 550 commits; 100,000 agents) in a temporary folder, serves them with
`git http-backend` on the loopback, and runs both sides in turn. Nothing is judged; the limits stand beside the figures.
Needs Python 3 and git, and no network.
"""

import argparse
import http.server
import os
import random
import shutil
import socket
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time

WORDS = (
    "the agent reads every file before it plans a change and writes down what it found so that a person can follow each step of the work "
    "without opening the editor first while tests and types and names are checked against the rules of the project and nothing is left "
    "to chance because reviews take time and mistakes in production cost more than patience does"
).split()


def git_environment(home):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    environment.update(HOME=home, GIT_CONFIG_NOSYSTEM="1", GIT_CONFIG_GLOBAL=os.devnull, no_proxy="*")
    return environment


# Registries


def text(seed, name, size):
    chance = random.Random(seed)
    lines = [f"---\nname: {name}\ndescription: Does the work of {name}, number {seed}.\ntools: Read, Grep\n---\n"]
    length = 0
    while length < size:
        line = " ".join(chance.choice(WORDS) + str(chance.randrange(1000)) * (chance.random() < 0.3) for _ in range(12))
        lines.append(line)
        length += len(line)
    return "\n".join(lines) + "\n"


class Import:
    """A repository made with `git fast-import`."""

    def __init__(self, path, environment):
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", path], check=True, env=environment)
        for name in ("uploadpack.allowFilter", "uploadpack.allowAnySHA1InWant"):
            subprocess.run(["git", "-C", path, "config", name, "true"], check=True, env=environment)
        self.path, self.environment, self.count = path, environment, 0
        self.process = subprocess.Popen(
            ["git", "-C", path, "fast-import", "--quiet"], stdin=subprocess.PIPE, env=environment
        )

    def commit(self, files):
        write = self.process.stdin.write
        self.count += 1
        when = 1_700_000_000 + self.count * 60
        write(f"commit refs/heads/main\ncommitter a <a@example.com> {when} +0000\ndata 1\nx\n".encode())
        for name, content in files:
            content = content.encode()
            write(f"M 100644 inline {name}\ndata {len(content)}\n".encode() + content + b"\n")

    def end(self):
        self.process.stdin.close()
        assert self.process.wait() == 0
        subprocess.run(["git", "-C", self.path, "gc", "-q"], check=True, env=self.environment)


def small(path, environment):
    """176 agents, a few documents."""
    repository = Import(path, environment)
    agents = [(f"agents/group-{n % 12}/agent-{n:04}.md", text(n, f"agent-{n:04}", 6000)) for n in range(176)]
    repository.commit(agents + [("README.md", text(9001, "readme", 20000)), ("docs/guide.md", text(9002, "guide", 9000))])
    repository.end()
    return "agents/group-7/agent-0091.md", "agent-0091"


def history(path, environment):
    """750 Markdown files that 550 commits made."""
    repository = Import(path, environment)
    files = [(f"plugins/p{n % 60:02}/agents/agent-{n:04}.md", text(n, f"agent-{n:04}", 5000)) for n in range(450)]
    files += [(f"plugins/p{n % 60:02}/skills/skill-{n:04}/SKILL.md", text(n, f"skill-{n:04}", 8000)) for n in range(450, 750)]
    repository.commit(files)
    for n in range(549):
        path_, _ = files[n * 7 % 750]
        repository.commit([(path_, text(10_000 + n, os.path.basename(path_)[:-3] if "agents" in path_ else "skill", 5000))])
    repository.end()
    return files[91][0], "agent-0091"


def large(path, environment):
    """100,000 agents."""
    repository = Import(path, environment)
    repository.commit((f"agents/g{n % 400:03}/agent-{n:06}.md", text(n, f"agent-{n:06}", 500)) for n in range(100_000))
    repository.end()
    return "agents/g091/agent-012091.md", "agent-012091"


# The server


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def answer(self):
        server = self.server
        if server.delay:
            time.sleep(server.delay)
        if "chunked" in (self.headers.get("transfer-encoding") or ""):
            body = b""
            while size := int(self.rfile.readline().strip() or b"0", 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
        path, _, query = self.path.partition("?")
        environment = dict(
            git_environment(server.root),
            GIT_PROJECT_ROOT=server.root,
            GIT_HTTP_EXPORT_ALL="1",
            PATH_INFO=path,
            QUERY_STRING=query,
            REQUEST_METHOD=self.command,
            CONTENT_TYPE=self.headers.get("content-type", ""),
            CONTENT_LENGTH=str(len(body)),
            HTTP_CONTENT_ENCODING=self.headers.get("content-encoding", ""),
            GIT_PROTOCOL=self.headers.get("git-protocol", ""),
            REMOTE_ADDR="127.0.0.1",
        )
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, stdout=subprocess.PIPE)
        head, _, data = done.stdout.partition(b"\r\n\r\n")
        status, headers = 200, []
        for line in head.decode().split("\r\n"):
            name, _, value = line.partition(": ")
            if name == "Status":
                status = int(value.split()[0])
            elif name:
                headers.append((name, value))
        with server.lock:
            server.bytes += len(data)
            server.requests += 1
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    do_GET = do_POST = answer


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, root):
        super().__init__(("127.0.0.1", 0), Handler)
        self.root, self.lock, self.delay, self.bytes, self.requests = root, threading.Lock(), 0.0, 0, 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self):
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection, address

    def url(self, name):
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"

    def counted(self, work):
        """Runs; returns bytes and requests."""
        before = self.bytes, self.requests
        work()
        return self.bytes - before[0], self.requests - before[1]


# Both sides


class Bench:
    def __init__(self, root, program, rounds):
        self.root, self.program, self.rounds, self.folders = root, program, rounds, 0
        self.home = os.path.join(root, "home")
        self.served = os.path.join(root, "served")
        self.tools = os.path.join(root, "bin")
        for folder in (self.home, self.served, self.tools):
            os.makedirs(folder)
        self.environment = git_environment(self.home)
        self.server = Server(self.served)
        # Counts the commands that the program starts, and only in rounds that are not timed.
        self.log = os.path.join(root, "git.log")
        git = shutil.which("git")
        wrapper = os.path.join(self.tools, "git")
        with open(wrapper, "w") as file:
            file.write(f'#!/bin/sh\necho "$@" >> {self.log}\nexec {git} "$@"\n')
        os.chmod(wrapper, 0o755)

    def run(self, arguments, folder, **more):
        done = subprocess.run(
            arguments, cwd=folder, env=dict(self.environment, **more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode:
            sys.exit(f"{arguments} failed:\n{done.stdout.decode()}")

    def fresh(self, name):
        """A new folder. Nothing is deleted between the rounds: some file systems create files slowly for seconds after a deletion."""
        self.folders += 1
        folder = os.path.join(self.root, f"{name}-{self.folders}")
        os.makedirs(folder)
        return folder

    def ours(self, words, count=False, prepared=None):
        """One command in a new project with an empty cache; returns seconds, bytes, commands."""
        project, cache = self.fresh("project"), self.fresh("cache")
        if prepared:
            prepared(project)
        more = dict(AGENTPKG_CACHE_DIR=cache)
        if count:
            more["PATH"] = self.tools + os.pathsep + os.environ["PATH"]
            if os.path.exists(self.log):
                os.remove(self.log)
        begin = time.perf_counter()
        sent, _ = self.server.counted(lambda: self.run([self.program, *words], project, **more))
        seconds = time.perf_counter() - begin
        commands = sum(1 for _ in open(self.log)) if count and os.path.exists(self.log) else 0
        return seconds, sent, commands

    def clone(self, address, *options):
        folder = os.path.join(self.fresh("clone"), "clone")
        begin = time.perf_counter()
        sent, _ = self.server.counted(lambda: self.run(["git", "clone", "-q", *options, address, folder], self.root))
        return time.perf_counter() - begin, sent

    def compare(self, title, ours, theirs, limits):
        """Interleaved; prints the medians."""
        commands = ours(True)[2]
        rows = [(ours(False), theirs()) for _ in range(self.rounds)]
        middle = statistics.median
        mine = middle(row[0][0] for row in rows), middle(row[0][1] for row in rows)
        other = middle(row[1][0] for row in rows), middle(row[1][1] for row in rows)
        bytes_ratio = mine[1] / other[1] if other[1] else float("nan")
        print(
            f"{title:44} {mine[1]:>10,.0f} B / {other[1]:>11,.0f} B = {bytes_ratio:5.3f} (<= {limits[0]})"
            f"  {mine[0] * 1e3:7.0f} ms / {other[0] * 1e3:7.0f} ms = {mine[0] / other[0]:5.3f} (<= {limits[1]})"
            f"  {commands} commands (<= {limits[2]})",
            flush=True,
        )

    def two_fetches(self, url, file):
        """The two commands of git that bring the tip's trees and one file, alone: what an install by path cannot go below. Seconds."""
        repository = self.fresh("two-fetches")
        for folder in ("objects", "refs"):
            os.mkdir(os.path.join(repository, folder))
        for name, text in (("HEAD", "ref: refs/heads/main\n"), ("config", "[core]\n\trepositoryformatversion = 0\n\tbare = true\n")):
            with open(os.path.join(repository, name), "w") as entry:
                entry.write(text)
        settings = [f"remote.o.url={url}", "remote.o.promisor=true", "remote.o.partialclonefilter=blob:none", "fetch.negotiationAlgorithm=noop"]
        git = ["git", f"--git-dir={repository}", *(word for setting in settings for word in ("-c", setting))]
        fetch = ["fetch", "-q", "--no-tags", "--no-write-fetch-head", "--no-auto-maintenance", "--filter=blob:none"]
        begin = time.perf_counter()
        self.run([*git, *fetch, "--depth=1", "o", "+HEAD:refs/heads/main"], self.root)
        asked = subprocess.run([*git, "rev-parse", f"main:{file}"], stdout=subprocess.PIPE, env=dict(self.environment, GIT_NO_LAZY_FETCH="1"))
        self.run([*git, *fetch, "o", asked.stdout.decode().strip()], self.root)
        return time.perf_counter() - begin

    def cold(self, make, limits):
        name = make.__name__
        path = os.path.join(self.served, f"{name}.git")
        file, agent = make(path, self.environment)
        url = self.server.url(f"{name}.git")
        clone = lambda: self.clone(url, "--depth", "1")
        install = lambda spec: lambda count: self.ours(["install", spec, "-q"], count)
        self.compare(f"{make.__doc__} By path", install(f"{url}#{file}"), clone, (*limits, 2))
        rows = [(self.ours(["install", f"{url}#{file}", "-q"])[0], self.two_fetches(url, file)) for _ in range(self.rounds)]
        mine, bare = (statistics.median(row[side] for row in rows) for side in (0, 1))
        print(f"{'  beside the two fetches alone':44} {mine * 1e3:7.0f} ms / {bare * 1e3:7.0f} ms = {mine / bare:5.3f}", flush=True)
        self.compare("  by name", install(f"{url}#{agent}"), clone, (*limits, 2))
        locked = self.fresh("locked")
        self.run([self.program, "install", f"{url}#{file}", "-q"], locked, AGENTPKG_CACHE_DIR=self.fresh("cache"))

        def prepared(project):
            for entry in ("agentpkg.toml", "agentpkg.lock"):
                shutil.copy(os.path.join(locked, entry), project)

        self.compare("  locked", lambda count: self.ours(["install", "--locked", "-q"], count, prepared), clone, (*limits, 1))

    def many(self):
        """Twenty registries with nothing new, at 40 ms a round trip, beside one `git ls-remote`."""
        project, cache = self.fresh("project-many"), self.fresh("cache-many")
        for number in range(20):
            path = os.path.join(self.served, f"many-{number}.git")
            repository = Import(path, self.environment)
            repository.commit([(f"agents/a{n}.md", text(number * 100 + n, f"a{n}", 500)) for n in range(10)])
            repository.end()
            url = self.server.url(f"many-{number}.git")
            words = [self.program, "registry", "add", url, "--name", f"r{number}", "-q"]
            self.run(words, project, AGENTPKG_CACHE_DIR=cache)
        self.server.delay = 0.04
        first = self.server.url("many-0.git")
        rows = []
        for _ in range(self.rounds):
            begin = time.perf_counter()
            self.run([self.program, "registry", "refresh", "-q"], project, AGENTPKG_CACHE_DIR=cache)
            middle = time.perf_counter()
            self.run(["git", "ls-remote", first], self.root)
            rows.append((middle - begin, time.perf_counter() - middle))
        self.server.delay = 0.0
        mine, other = (statistics.median(row[side] for row in rows) for side in (0, 1))
        print(f"{'20 registries, nothing new, at 40 ms':44} {mine * 1e3:.0f} ms / {other * 1e3:.0f} ms = {mine / other:.2f} (<= 2.4)")

    def local(self):
        path = os.path.join(self.root, "local.git")
        file, agent = small(path, self.environment)
        clone = lambda: self.clone(path, "--bare")
        for spec in (f"file://{path}#{agent}", f"{path}#{agent}"):
            self.compare(f"from a local repository, {spec[:4]}", lambda count: self.ours(["install", spec, "-q"], count), clone, ("-", 0.5, 0))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--program", default="target/release/agentpkg")
    parser.add_argument("which", nargs="*", default=["small", "history", "large", "many", "local"])
    arguments = parser.parse_args()
    limits = {"small": (0.04, 0.3), "history": (0.05, 0.08), "large": (0.25, 0.08)}
    with tempfile.TemporaryDirectory() as root:
        bench = Bench(root, os.path.abspath(arguments.program), arguments.rounds)
        for which in arguments.which:
            if which in limits:
                bench.cold({"small": small, "history": history, "large": large}[which], limits[which])
            else:
                {"many": bench.many, "local": bench.local}[which]()


if __name__ == "__main__":
    main()
