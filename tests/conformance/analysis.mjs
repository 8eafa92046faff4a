import { strict as assert } from 'node:assert';
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
