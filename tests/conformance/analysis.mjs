import { strict as assert } from 'node:assert';
import { gunzipSync } from 'node:zlib';
import { conforms, project, refused } from './harness.mjs';

const it = await project('analysis');
const { analysis } = it.resources;

conforms('an analysis is made, listed, read, changed and deleted', async () => {
  const { id, token } = await analysis.create({
    name: 'Hourly', runtime: 'node-rt2025', run_on: 'tago', active: false, tags: [{ key: 'site', value: 'Lyon' }],
    variables: [{ key: 'site', value: 'Lyon' }],
  });
  assert.ok(token.startsWith('a-'));
  const made = await analysis.info(id);
  assert.deepEqual([made.name, made.runtime, made.active, made.variables], [
    'Hourly', 'node-rt2025', false, [{ key: 'site', value: 'Lyon' }],
  ]);
  assert.ok(made.created_at instanceof Date);
  assert.equal(await analysis.edit(id, { description: 'every hour', active: true }), 'Successfully Updated');
  assert.equal((await analysis.info(id)).description, 'every hour');
  for (const filter of [{ name: 'Hour*' }, { active: true }, { tags: [{ key: 'site', value: 'Lyon' }] }]) {
    const listed = await analysis.list({ filter, fields: ['id', 'name', 'active'], orderBy: ['name', 'desc'] });
    assert.deepEqual(listed.map(({ id, active }) => [id, active]), [[id, true]]);
  }
  assert.equal(await analysis.delete(id), 'Successfully Removed');
  await refused(analysis.info(id), /does not exist|not found/i);
  await refused(analysis.create({ name: 'x', runtime: 'basic' }), /^runtime /);
});
conforms('a script goes up and comes down compressed', async () => {
  const { id } = await analysis.create({ name: 'Script', runtime: 'node-rt2025' });
  const script = 'console.log("hello")';
  const content = Buffer.from(script).toString('base64');
  await analysis.uploadScript(id, { name: 'script.js', content, language: 'node' });
  const link = await analysis.downloadScript(id);
  assert.ok(link.expire_at instanceof Date);
  const response = await fetch(link.url);
  assert.equal(gunzipSync(Buffer.from(await response.arrayBuffer())).toString(), script);
  await analysis.uploadScript(id, { name: 'script.js', content: Buffer.from('2').toString('base64'), language: 'node' });
  const first = await analysis.downloadScript(id, { version: 1 });
  const older = await fetch(first.url);
  assert.equal(gunzipSync(Buffer.from(await older.arrayBuffer())).toString(), script);
});

conforms('an external analysis gets a token', async () => {
  const { id } = await analysis.create({ name: 'External', run_on: 'external' });
  const { analysis_token: token } = await analysis.tokenGenerate(id);
  assert.ok(token.startsWith('a-'));
  assert.equal((await it.client('Device', token).info()).id, id);
});

conforms('a run is noted and gives a token, and no script is run', async () => {
  const { id } = await analysis.create({ name: 'Button', active: true });
  const { analysis_token: token } = await analysis.run(id, { by: 'test' });
  assert.equal((await it.client('Device', token).info()).id, id);
  const { dashboard } = await it.resources.dashboards.create({ label: 'Buttons' });
  const { widget } = await it.resources.dashboards.widgets.create(dashboard, { label: 'Run', type: 'push_button', display: {} });
  await it.resources.dashboards.runWidgetHeaderButtonAnalysis(id, dashboard, widget, { by: 'button' });
  assert.equal((await it.outbox()).length, 2);
  await analysis.edit(id, { active: false });
  await refused(analysis.run(id), /inactive/);
});
