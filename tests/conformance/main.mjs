// The official SDK, unchanged, against the practice platform. Every part holds
// the tests of one part of the SDK; the table comes last and compares what they
// called with what README.md says.
const parts = [
  'device', 'devices', 'entities', 'files', 'account', 'profiles', 'run', 'notifications', 'analysis', 'actions',
  'dashboards', 'access', 'dictionaries', 'secrets', 'network',
];

for (const part of [...parts, 'table']) await import(`./${part}.mjs`);
