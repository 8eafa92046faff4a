// What the SDK offers, found by reflection.
import { sdk } from './sdk.mjs';

/** Exports of the SDK whose every method is in the table. */
export const covered = ['Resources', 'Account', 'Device', 'Network', 'Analysis', 'Dictionary', 'RunUser'];

/** Exports that are not, and why. */
export const leftOut = {
  Authorization: 'one call of GET /info, which Device.info, Network.info and Analysis make',
  Cache: 'no API: a store inside the SDK',
  Migration: 'no API: changes the shape of old widgets inside the SDK',
  SSE: 'a stream of events, which the practice platform does not offer',
  Services: 'what scripts ask of the platform that runs them; scripts are not run here',
  Utils: 'made of calls that the other parts make',
  regionsDefinition: 'no API: a list of addresses',
};

/** Every method of the covered exports, such as `Resources.devices.create`. */
export function methods() {
  const found = new Set();
  const seen = new Set();
  for (const name of covered.filter((name) => name !== 'Resources')) {
    addStatic(found, name, sdk[name]);
    if (name !== 'Account') addOwn(found, seen, name, example(sdk[name]));
  }
  // Shallow parts first: buckets has devices inside, which are the devices.
  const resources = example(sdk.Resources);
  for (const part of parts(resources)) seen.add(resources[part].constructor);
  for (const part of parts(resources)) addOwn(found, new Set(), `Resources.${part}`, resources[part], seen);
  return [...found].sort();
}

export function exported() {
  return Object.keys(sdk).sort();
}

/** Names of the fields and getters that hold another object of the SDK. */
export function parts(object) {
  const names = [
    ...Object.getOwnPropertyNames(object),
    ...Object.getOwnPropertyNames(Object.getPrototypeOf(object)),
  ];
  return names.filter((name) => name !== 'params' && isPart(object[name]));
}

export function isPart(value) {
  return typeof value === 'object' && value !== null && typeof value.doRequest === 'function';
}

function addOwn(found, seen, path, object, skipped = new Set()) {
  seen.add(object.constructor);
  for (const [name, { value }] of Object.entries(
    Object.getOwnPropertyDescriptors(Object.getPrototypeOf(object)),
  )) {
    if (typeof value === 'function' && name !== 'constructor') found.add(`${path}.${name}`);
  }
  for (const part of parts(object)) {
    const type = object[part].constructor;
    if (!seen.has(type) && !skipped.has(type)) addOwn(found, seen, `${path}.${part}`, object[part], skipped);
  }
}

function addStatic(found, path, type) {
  // The class that all others extend is the SDK's own machinery.
  for (let owner = type; !Object.hasOwn(owner, 'doRequestAnonymous'); owner = Object.getPrototypeOf(owner)) {
    for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(owner))) {
      if (typeof value === 'function') found.add(`${path}.${name}`);
    }
  }
}

function example(type) {
  const params = { token: 'none', region: { api: 'http://127.0.0.1:9', sse: 'http://127.0.0.1:9' } };
  return type === sdk.Analysis ? new type(() => {}, { ...params, autostart: false }) : new type(params);
}
