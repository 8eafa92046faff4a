// A platform of its own, projects on it, and clients that note what a test calls.
import { strict as assert } from 'node:assert';
import { AsyncLocalStorage } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { sdk } from './sdk.mjs';
import { isPart } from './surface.mjs';

const program = process.env.TAGO_LOCAL ?? resolve(import.meta.dirname, '../../target/debug/tago-local');

/** Methods that a passing test called. */
export const called = new Set();

const calls = new AsyncLocalStorage();

/** A test whose calls count if it passes. */
export function conforms(what, work) {
  // A job that never ends fails its test, and does not hang the suite.
  test(what, { timeout: 60_000 }, async () => {
    const made = new Set();
    await calls.run(made, work);
    for (const name of made) called.add(name);
  });
}

const folder = mkdtempSync(join(tmpdir(), 'tago-local-'));
const platform = spawn(program, ['serve', '--data', join(folder, 'data'), '--with-parent', '--knobs'], {
  stdio: ['pipe', 'pipe', 'inherit'],
});
platform.on('error', (error) => {
  throw new Error(`${program} cannot be started: build it with cargo build -p tago-local (${error.message})`);
});
const [line] = await once(createInterface({ input: platform.stdout }), 'line');
const ready = JSON.parse(line);

// What is still open must not keep this process alive: the tests' end is its end.
for (const handle of [platform, platform.stdin, platform.stdout]) handle.unref();

/** Ends the platform as its parent's end would; resolves to its exit code. */
export async function stop() {
  const ended = once(platform, 'exit');
  platform.ref();
  platform.stdin.end();
  const [code] = await ended;
  rmSync(folder, { recursive: true, force: true });
  return code;
}

/** A new project: its address, profile and token, and the SDK on it. */
export async function project(name) {
  const { id } = await console('POST', '/api/projects', { name });
  const { api, profile, token } = await console('POST', `/api/projects/${id}/access`, {});
  const region = { api, sse: api };
  return {
    id,
    api,
    profile,
    token,
    region,
    resources: recorded(new sdk.Resources({ token, region }), 'Resources'),
    client: (type, token, more = {}) =>
      recorded(new sdk[type]({ token, region, ...more }), type),
    /** One request without the SDK. */
    async ask(method, path, { token: other = token, body, ...headers } = {}) {
      const response = await fetch(api + path, {
        method,
        headers: { token: other, ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
        body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
      });
      return { status: response.status, headers: response.headers, body: await response.json() };
    },
    knob: (path, body) => ask(ready.knobs, 'POST', path, { project: id, ...body }),
    /** What was sent to people by e-mail or telephone: PINs and links. */
    async messages() {
      const response = await fetch(`${ready.knobs}/messages?project=${id}`);
      return await response.json();
    },
    /** What actions, scripts and downlinks would have done. */
    async outbox() {
      const response = await fetch(`${ready.knobs}/outbox?project=${id}`);
      return await response.json();
    },
    owner: ready.owner.email,
  };
}

/** The static methods of one export. */
export function statics(type) {
  return recorded(sdk[type], type);
}

/** The same object; every method that a test calls on it is noted. */
export function recorded(object, path) {
  return new Proxy(object, {
    get(target, name) {
      const value = target[name];
      if (isPart(value)) return recorded(value, `${path}.${name}`);
      if (typeof value !== 'function') return value;
      return (...given) => {
        calls.getStore()?.add(`${path}.${name}`);
        return value.apply(target, given);
      };
    },
  });
}

/** What the SDK throws: the platform's sentence. */
export async function refused(work, expected) {
  await assert.rejects(
    async () => {
      const answer = await work;
      assert.fail(`it was answered: ${JSON.stringify(answer)}`);
    },
    (error) => {
      assert.equal(typeof error, 'string', `not the platform's sentence: ${error?.stack ?? JSON.stringify(error)}`);
      assert.match(error, expected);
      return true;
    },
  );
}

export async function collected(pages) {
  const all = [];
  for await (const page of pages) all.push(...page);
  return all;
}

async function console(method, path, body) {
  return await ask(ready.console, method, path, body, { token: ready.owner.token });
}

async function ask(origin, method, path, body, headers = {}) {
  const response = await fetch(origin + path, {
    method,
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  assert.ok(response.ok, `${method} ${path}: ${JSON.stringify(answer)}`);
  return answer;
}
