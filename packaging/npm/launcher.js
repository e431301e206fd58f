#!/usr/bin/env node
// Starts the agentpkg program of the package for this platform.
'use strict';

const { spawn } = require('node:child_process');
const { constants } = require('node:os');
const { name } = require('../package.json');

const platform = `${name}-${process.platform}-${process.arch}`;
const file = process.platform === 'win32' ? 'agentpkg.exe' : 'agentpkg';
let program;
try {
    program = require.resolve(`${platform}/bin/${file}`);
} catch {
    console.error(`error: the package ${platform} is not installed`);
    console.error('');
    console.error(`hint: install ${name} again without \`--omit=optional\` or \`--no-optional\``);
    console.error('hint: if there is no such package, this platform has no prebuilt program: use `cargo install`');
    process.exit(1);
}
const child = spawn(program, process.argv.slice(2), { stdio: 'inherit' });
// A terminal sends Ctrl-C to both processes. The program decides what it means; this one waits for its answer.
process.on('SIGINT', () => {});
for (const signal of ['SIGTERM', 'SIGHUP']) {
    process.on(signal, () => child.kill(signal));
}
child.on('error', (error) => {
    console.error(`error: ${program} cannot be started: ${error.message}`);
    process.exit(1);
});
child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? code : 128 + constants.signals[signal];
});
