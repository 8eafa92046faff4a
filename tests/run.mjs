// Runs every check and test, prints each part's time, and ends with one line
// that counts them: "N passed, N failed". The word "check" stops after format,
// lints and types; "tour" takes the guided tour instead; "bench" measures.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const only = process.argv[2];
process.env.TZ = 'America/Sao_Paulo';
process.env.CARGO_INCREMENTAL ??= '0';

const parts = [];

if (only === 'tour') {
  await tour();
} else if (only === 'bench') {
  await bench();
} else {
  await checks();
  if (only !== 'check') {
    await windowTests();
    await rustTests();
  }
  report();
}

async function checks() {
  await check('the window builds', 'npm', ['--prefix', 'ui', 'run', '--silent', 'build']);
  await check('format: Rust', 'cargo', ['fmt', '--all', '--check']);
  await check('format: window', 'npm', ['--prefix', 'ui', 'run', '--silent', 'lint']);
  await check('types: window', 'npm', ['--prefix', 'ui', 'run', '--silent', 'check']);
  // All targets are those that cargo tests by itself: the window tests and the tour are not.
  for (const [part, targets] of [['lints: Rust', ['--all-targets']], ['lints: tests', ['--test', '*']]]) {
    await check(part, 'cargo', [
      'clippy', '--workspace', ...targets, '--locked', '--quiet', '--', '-D', 'warnings',
    ]);
  }
}

async function windowTests() {
  const results = join(root, 'target', 'vitest.json');
  rmSync(results, { force: true });
  await part('window units', async () => {
    await run('npm', ['--prefix', 'ui', 'run', '--silent', 'test', '--',
      '--reporter=default', '--reporter=json', `--outputFile.json=${results}`]);
    if (!existsSync(results)) return { passed: 0, failed: 1 };
    const { numPassedTests, numFailedTests, numFailedTestSuites } = JSON.parse(readFileSync(results, 'utf8'));
    return { passed: numPassedTests, failed: numFailedTests || (numFailedTestSuites ? 1 : 0) };
  });
}

// The test programs are built once and started directly, so that those that
// open a window get a session of their own and nothing is linked twice.
async function rustTests() {
  let programs = [];
  let platform;
  await part('test programs build', async () => {
    const built = await build(['--lib', '--bins', '--test', '*']);
    programs = built.filter(({ tests }) => tests);
    platform = built.find(({ name, tests }) => name === 'tago-local' && !tests);
    return verdict(programs.length > 0);
  });
  const needsWindow = (program) => program.kind === 'test' && program.name === 'e2e';
  programs.sort((a, b) => needsWindow(a) - needsWindow(b) || a.executable.localeCompare(b.executable));
  for (const program of programs.filter(({ name }) => name !== 'tour')) {
    const folder = program.folder === root ? 'app' : program.folder.split('/').at(-1);
    await part(`${folder}: ${program.name}`, () => runTestProgram(program, needsWindow(program)));
  }
  await part('conformance: the SDK', () => conformance(platform));
}

// The official SDK against the practice platform that the other tests were built with.
async function conformance(platform) {
  const { code, out } = await run('node', ['--test-reporter=spec', 'main.mjs'], {
    cwd: join(root, 'tests', 'conformance'),
    env: { ...process.env, ...(platform && { TAGO_LOCAL: platform.executable }) },
    capture: true,
    echo: true,
  });
  const count = (word) => Number(out.match(new RegExp(`^\\S+ ${word} (\\d+)$`, 'm'))?.[1] ?? NaN);
  const failed = count('fail') + count('cancelled') + count('skipped') + count('todo');
  return { passed: count('pass') || 0, failed: failed || (code === 0 && count('pass') > 0 ? 0 : 1) };
}

async function tour() {
  const program = (await build(['--test', 'tour'])).find(({ tests }) => tests);
  process.exitCode = program ? (await run(join(root, 'tests', 'window.sh'), [program.executable])).code : 1;
}

// First the window beside an empty one, then the platform and the migration beside what SQLite and `cp` can do.
async function bench() {
  const codes = [];
  codes.push((await run('cargo', ['build', '--workspace', '--locked', '--quiet', '--example', 'blank'])).code);
  const program = (await build(['--test', 'tour'])).find(({ tests }) => tests);
  codes.push(program ? (await run(join(root, 'tests', 'window.sh'), [program.executable, 'start'])).code : 1);
  for (const crate of ['tago-local', 'holdfast-cli']) {
    codes.push((await run('cargo', [
      'run', '--locked', '--quiet', '--release', '--package', crate, '--example', 'bench',
    ])).code);
  }
  process.exitCode = codes.every((code) => code === 0) ? 0 : 1;
}

/** Builds test programs, and the programs that they start. */
async function build(selection) {
  const { code, out } = await run('cargo', [
    'test', '--workspace', ...selection, '--locked', '--no-run', '--quiet', '--message-format=json-render-diagnostics',
  ], { capture: true });
  if (code !== 0) return [];
  return out.split('\n').filter(Boolean).map((line) => JSON.parse(line))
    .filter(({ reason, profile, executable }) => reason === 'compiler-artifact' && executable)
    .map(({ target, manifest_path, profile, executable }) => ({
      name: target.name, kind: target.kind[0], folder: dirname(manifest_path), tests: profile.test, executable,
    }));
}

async function runTestProgram({ executable, folder }, inWindow) {
  const command = inWindow ? [join(root, 'tests', 'window.sh'), executable, '--test-threads=2'] : [executable];
  const { code, out } = await run(command[0], command.slice(1), {
    cwd: folder,
    env: { ...process.env, CARGO_MANIFEST_DIR: folder },
    capture: true,
    echo: true,
  });
  const counted = [...out.matchAll(/^test result: .*?(\d+) passed; (\d+) failed; (\d+) ignored/gm)];
  const sum = (group) => counted.reduce((total, match) => total + Number(match[group]), 0);
  const failed = sum(2) + sum(3);
  // A program that died before its summary is a failure, whatever it had passed.
  return { passed: sum(1), failed: failed || (code === 0 && counted.length > 0 ? 0 : 1) };
}

function check(name, command, args) {
  return part(name, async () => verdict((await run(command, args)).code === 0));
}

async function part(name, work) {
  console.log(`\n── ${name}`);
  const started = Date.now();
  const outcome = await work();
  parts.push({ name, seconds: (Date.now() - started) / 1000, ...outcome });
}

function verdict(held) {
  return held ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

function run(command, args, { cwd = root, env = process.env, capture = false, echo = false } = {}) {
  return new Promise((settle) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', capture ? 'pipe' : 'inherit', 'inherit'] });
    let out = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      out += text;
      if (echo) process.stdout.write(text);
    });
    child.on('error', (error) => {
      console.error(`${command}: ${error.message}`);
      settle({ code: -1, out });
    });
    child.on('close', (code) => settle({ code, out }));
  });
}

function report() {
  const total = (field) => parts.reduce((sum, entry) => sum + entry[field], 0);
  console.log('\n── parts');
  for (const { name, seconds, passed, failed } of parts) {
    const counts = `${String(passed).padStart(5)} passed ${String(failed).padStart(3)} failed`;
    console.log(`${name.padEnd(30)} ${seconds.toFixed(1).padStart(8)} s ${counts}`);
  }
  console.log(`${'in all'.padEnd(30)} ${total('seconds').toFixed(1).padStart(8)} s\n`);
  console.log(`${total('passed')} passed, ${total('failed')} failed`);
  process.exitCode = total('failed') === 0 ? 0 : 1;
}
