#!/usr/bin/env python3
"""How often `adopt` finds where a copied file is from, and how long that takes.

    cargo build --release
    python3 benches/adopt.py found --triples FOLDER --histories FOLDER [--all] [--nearest] [--program target/release/agentpkg]
    python3 benches/adopt.py strangers --corpus FOLDER --histories FOLDER [--program target/release/agentpkg]
    python3 benches/adopt.py time [--rounds 5] [--program target/release/agentpkg]

`found` reads copies whose origin is known: `index.jsonl` in the folder of triples has one JSON object a line with `kind`, `base`, `ours`,
`downstream` and `ours_path`; the texts are in `blobs/ID.md`. Those of the kinds copy-edit and fork-edit whose base is in one of the
histories (`*.bundle`) are looked for in the histories that have the base (`--all`: in all), except in the downstream's own: what is called
like its owner. `--nearest` has the nearest version taken where several are about as near. It prints how many are right, asked, not found and wrong (files with conflict markers are never adopted), and each one that
is wrong or asked. `nearer` is a wrong one that differs from the file in fewer words than the recorded base: the file took over a later change
of upstream by hand. How much of that change it has stands beside it, in words. `asked`: whether the right version is the first one that is
offered, or one of the others.

`strangers` looks for agents of other repositories in all histories: `index.jsonl` in their folder has one JSON object a line with `repo`,
`path` and `file`. It prints how many are found and asked about, and each of the latter, for a person to say whether it is from there.

`time` makes 20 registries of 200 agents with a history, and 200 copied files. A fetch over a network takes longer than one from this disk:
`git clone` of the same registries stands beside it. Nothing is judged; the limit stands beside the figure.
Needs Python 3 and git, and no network.
"""

import argparse
import collections
import json
import os
import pathlib
import random
import re
import statistics
import subprocess
import tempfile
import time

from staging import environment

KINDS = ("copy-edit", "fork-edit")


class Place:
    """A project with registries, and a home of its own."""

    def __init__(self, folder, program):
        self.program, self.project, home = program, folder / "project", folder / "home"
        self.agents = self.project / ".claude" / "agents"
        self.agents.mkdir(parents=True)
        home.mkdir()
        self.environment = environment(home)

    def run(self, *arguments):
        ran = subprocess.run([self.program, *arguments], cwd=self.project, env=self.environment, capture_output=True)
        return ran.stdout

    def add(self, name, repository):
        self.run("registry", "add", f"file://{repository}", "--name", name)

    def put(self, files):
        for old in self.agents.iterdir():
            old.unlink()
        for name, content in files.items():
            (self.agents / f"{name}.md").write_bytes(content)


def git(repository, *arguments, **options):
    return subprocess.run(["git", "-C", str(repository), *arguments], check=True, capture_output=True, **options).stdout


# How often the right version is found


def histories(folder, to):
    """The histories as repositories, by name."""
    found = {}
    for bundle in sorted(folder.glob("*.bundle")):
        repository = to / f"{bundle.stem.lower()}.git"
        subprocess.run(["git", "clone", "-q", "--bare", str(bundle), str(repository)], check=True, capture_output=True)
        branch = git(repository, "for-each-ref", "--format=%(refname)").split()[0].decode()
        git(repository, "symbolic-ref", "HEAD", branch)
        found[bundle.stem.lower()] = repository
    return found


def pairs(triples, repositories, use_all):
    """The copies, by the registries in which each is looked for: (name, ours, base, downstream's path)."""
    holders = collections.defaultdict(set)
    for name, repository in repositories.items():
        for line in git(repository, "rev-list", "--objects", "HEAD").decode("utf-8", "replace").splitlines():
            holders[line[:40]].add(name)
    known, found = set(), collections.defaultdict(list)
    for line in (triples / "index.jsonl").open():
        triple = json.loads(line)
        key = (triple["base"], triple["ours"])
        if triple["kind"] not in KINDS or key in known or not holders[triple["base"]]:
            continue
        known.add(key)
        own = triple["downstream"].split("/")[0].lower()
        where = set(repositories) if use_all else holders[triple["base"]]
        where = tuple(sorted(where - {own}))
        if holders[triple["base"]] - {own}:
            found[where].append((pathlib.PurePosixPath(triple["ours_path"]).stem, triple["ours"], triple["base"]))
    return found


def batches(copies):
    """The copies in groups in which no name is twice."""
    groups = []
    for copy in copies:
        for group in groups:
            if copy[0].lower() not in group:
                group[copy[0].lower()] = copy
                break
        else:
            groups.append({copy[0].lower(): copy})
    return [list(group.values()) for group in groups]


def bare(content):
    return re.sub(rb"\s", b"", content)


def words_apart(one, other):
    one, other = (collections.Counter(content.split()) for content in (one, other))
    return sum((one - other).values()) + sum((other - one).values())


def taken_over(old, new, own):
    """How many words upstream added from one version to another, and how many of these a file has."""
    old, new, own = (collections.Counter(re.findall(rb"\w+", content)) for content in (old, new, own))
    added = new - old
    return sum(added.values()), sum((added & own).values())


def offered(repositories, spec):
    """The text of a version that a spec means."""
    registry, _, rest = spec.partition("#")
    path, _, commit = rest.partition("@")
    return git(repositories[registry], "show", f"{commit or 'HEAD'}:{path}")


def found(options):
    blob = lambda triples, id: (triples / "blobs" / f"{id}.md").read_bytes()
    nearest = ["--nearest"] if options.nearest else []
    count = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        repositories = histories(options.histories, folder)
        by_registries = pairs(options.triples, repositories, options.all)
        for number, (registries, copies) in enumerate(sorted(by_registries.items())):
            (folder / str(number)).mkdir()
            place = Place(folder / str(number), options.program)
            for registry in registries:
                place.add(registry, repositories[registry])
            for group in batches(copies):
                place.put({name: blob(options.triples, ours) for name, ours, _ in group})
                document = json.loads(place.run("adopt", "--all", "--dry-run", "--json", *nearest))
                adopted = {agent["name"]: agent for agent in document["agents"]}
                left = {agent["name"]: agent for agent in document["not_adopted"]}
                for name, ours, base in group:
                    own, right = blob(options.triples, ours), blob(options.triples, base)
                    if name in adopted:
                        agent = adopted[name]
                        got = git(repositories[agent["registry"]], "show", f"{agent['commit']}:{agent['file']}")
                        if "identical" in agent["notes"]:
                            kind = "identical"
                        elif bare(got) == bare(right):
                            kind = "right"
                        else:
                            kind = "nearer" if words_apart(got, own) < words_apart(right, own) else "wrong"
                            added, has = taken_over(right, got, own)
                            print(
                                f"{kind}: {name} of {base[:7]}: {words_apart(right, own)} words, got {agent['to']}: {words_apart(got, own)};"
                                f" has {has} of the {added} words that upstream added"
                            )
                    elif "may be from" in left[name]["why"]:
                        specs = [candidate["spec"] for candidate in left[name]["candidates"]]
                        places = [place for place, spec in enumerate(specs) if bare(offered(repositories, spec)) == bare(right)]
                        kind = "asked, the right one is " + ("not offered" if not places else "among others" if places[0] else "first")
                        print(f"{kind}: {name} of {base[:7]}: {specs}")
                    elif "conflict markers" in left[name]["why"]:
                        kind = "has conflict markers"
                    else:
                        kind = "not found"
                        lines = lambda content: collections.Counter(line.strip() for line in content.split(b"\n") if line.strip())
                        one, other = lines(own), lines(right)
                        share = 200 * sum((one & other).values()) // (sum(one.values()) + sum(other.values()))
                        count["not found, of these below 60 % of the lines"] += share < 60
                    count[kind] += 1
    everything = sum(figure for kind, figure in count.items() if "of these" not in kind)
    print(f"\n{everything} pairs")
    for kind, figure in sorted(count.items()):
        print(f"  {kind}: {figure} ({100 * figure / everything:.1f} %)")


def strangers(options):
    count = collections.Counter()
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        repositories = histories(options.histories, folder)
        place = Place(folder / "place", options.program)
        for name, repository in repositories.items():
            place.add(name, repository)
        agents = [json.loads(line) for line in (options.corpus / "index.jsonl").open()]
        agents = [agent for agent in agents if agent["repo"].split("/")[0].lower() not in repositories]
        for group in batches([(pathlib.PurePosixPath(agent["path"]).stem, agent) for agent in agents]):
            place.put({name: (options.corpus / agent["file"]).read_bytes() for name, agent in group})
            document = json.loads(place.run("adopt", "--all", "--dry-run", "--json"))
            for agent in document["agents"]:
                count["identical" if "identical" in agent["notes"] else "found"] += 1
            of_name = dict(group)
            for left in document["not_adopted"]:
                kind = "asked" if "may be from" in left["why"] else "not found" if "no origin" in left["why"] else "left for another reason"
                count[kind] += 1
                if kind == "asked":
                    first = left["candidates"][0]
                    print(f"asked: {of_name[left['name']]['repo']} {of_name[left['name']]['path']}: {first['percent']} % like {first['spec']}")
    everything = sum(count.values())
    print(f"\n{everything} agents of other repositories")
    for kind, figure in sorted(count.items()):
        print(f"  {kind}: {figure} ({100 * figure / everything:.1f} %)")


# How long it takes


WORDS = "the agent reads every file before it plans a change and writes down what it found so that a person can follow each step".split()


def text(name, chance):
    lines = [f"---\nname: {name}\ndescription: Does the work of {name}.\ntools: Read, Grep\n---\n"]
    while len(lines) < 120:
        lines.append(" ".join(chance.choice(WORDS) + str(chance.randrange(1000)) * (chance.random() < 0.3) for _ in range(9)))
    return lines


def registry(path, seed, options):
    """A repository of agents, each with a number of versions; the texts of some versions."""
    chance = random.Random(seed)
    git(path.parent, "init", "-q", "--bare", "-b", "main", str(path))
    agents = {f"agent-{seed}-{index}": None for index in range(options.agents)}
    agents = {name: text(name, chance) for name in agents}
    versions, stream = [], []
    for commit in range(options.versions):
        stream.append(f"commit refs/heads/main\ncommitter a <a@example.com> {1_700_000_000 + commit * 3600} +0000\ndata 1\nx\n")
        for name, lines in agents.items():
            if commit:
                lines[chance.randrange(1, len(lines))] = f"Changed {commit} for {chance.choice(WORDS)} {chance.randrange(10_000)}"
            content = "\n".join(lines) + "\n"
            stream.append(f"M 100644 inline agents/{name}.md\ndata {len(content)}\n{content}\n")
            if chance.random() < 0.1:
                versions.append((name, content))
    git(path, "fast-import", "--quiet", input="".join(stream).encode())
    git(path, "gc", "-q")
    return versions


def copies(versions, count):
    """Edited copies, some of them under another name."""
    chance, made = random.Random(7), {}
    while len(made) < count:
        name, content = chance.choice(versions)
        lines = content.split("\n")
        for _ in range(chance.randrange(8)):
            lines[chance.randrange(5, len(lines))] = "What I want instead."
        made[name if chance.random() < 0.7 else f"my-{name}"] = "\n".join(lines).encode()
    return made


def timed(options):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        place = Place(folder, options.program)
        versions, fetching, cloning = [], 0.0, 0.0
        for seed in range(options.registries):
            path = folder / f"registry-{seed}.git"
            versions += registry(path, seed, options)
            start = time.monotonic()
            place.add(f"r{seed}", path)
            fetching += time.monotonic() - start
            start = time.monotonic()
            git(folder, "clone", "-q", "--bare", "--no-local", str(path), str(folder / f"clone-{seed}.git"))
            cloning += time.monotonic() - start
        place.put(copies(versions, options.files))
        times = []
        for round in range(options.rounds + 1):
            start = time.monotonic()
            document = json.loads(place.run("adopt", "--all", "--dry-run", "--json"))
            times.append(time.monotonic() - start)
        contents = options.registries * options.agents * options.versions
        print(f"{options.files} files, {options.registries} registries of {options.agents} agents, {contents} versions together")
        print(f"  adopted {len(document['agents'])}, left {len(document['not_adopted'])}")
        print(f"  `registry add` of the registries, which fetches nothing from this disk: {fetching:.2f} s; `git clone` of them: {cloning:.2f} s")
        built = times[0] - statistics.median(times[1:])
        print(f"  the first time: {times[0]:.2f} s; of these, reading all versions: {built:.2f} s, {built / cloning:.2f} of the clones (limit 3)")
        print(f"  then: {statistics.median(times[1:]):.2f} s (limit 5)")
        pasts = [file.stat().st_size for file in (folder / "home").rglob("past")]
        print(f"  what is kept of the histories: {sum(pasts) / 1e6:.1f} MB, {sum(pasts) / contents:.0f} bytes a version")
        peak = ["/usr/bin/time", "-f", "%M", place.program, "adopt", "--all", "--dry-run", "--json"]
        if os.path.exists(peak[0]):
            ran = subprocess.run(peak, cwd=place.project, env=place.environment, capture_output=True, text=True)
            print(f"  most memory: {int(ran.stderr.split()[-1]) / 1e3:.0f} MB")
        folders = [entry for entry in (folder / "home").rglob("index") if entry.is_dir()]
        size = sum(file.stat().st_size for entry in folders for file in entry.rglob("*") if file.is_file())
        print(f"  other indexes: {size / 1e6:.1f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("found", "strangers", "time"))
    parser.add_argument("--program", default="target/release/agentpkg", type=os.path.abspath)
    parser.add_argument("--triples", type=pathlib.Path)
    parser.add_argument("--histories", type=pathlib.Path)
    parser.add_argument("--corpus", type=pathlib.Path)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--nearest", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    for name, default in (("files", 200), ("registries", 20), ("agents", 200), ("versions", 10)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    if options.what == "time":
        timed(options)
    elif options.what == "found" and options.triples and options.histories:
        found(options)
    elif options.what == "strangers" and options.corpus and options.histories:
        strangers(options)
    else:
        parser.error("`found` needs --triples, `strangers` --corpus, and both --histories")


main()
