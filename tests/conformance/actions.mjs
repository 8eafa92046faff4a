import { strict as assert } from 'node:assert';
import { conforms, project, refused } from './harness.mjs';

const it = await project('actions');
const { actions } = it.resources;

conforms('an action is made, listed, read, changed and deleted', async () => {
  const trigger = [{ device: 'f'.repeat(24), variable: 'temperature', is: '>', value: '0', value_type: 'number' }];
  const action = { type: 'post', url: 'https://example.com', headers: {} };
  const { action: id } = await actions.create({
    name: 'Too warm', type: 'condition', active: true, trigger, action, tags: [{ key: 'site', value: 'Lyon' }],
  });
  const made = await actions.info(id);
  assert.deepEqual([made.name, made.type, made.trigger[0].variable, made.action.url], [
    'Too warm', 'condition', 'temperature', 'https://example.com',
  ]);
  assert.ok(made.created_at instanceof Date);
  assert.equal(await actions.edit(id, { active: false, lock: true }), 'Successfully Updated');
  const edited = await actions.info(id);
  assert.deepEqual([edited.active, edited.lock, edited.trigger.length], [false, true, 1]);
  for (const filter of [{ name: '*warm' }, { tags: [{ key: 'site', value: 'Lyon' }] }]) {
    const listed = await actions.list({ filter, fields: ['id', 'name', 'active'] });
    assert.deepEqual(listed.map(({ id, active }) => [id, active]), [[id, false]]);
  }
  assert.equal(await actions.delete(id), 'Successfully Removed');
  await refused(actions.info(id), /does not exist|not found/i);
  await refused(actions.create({ name: 'x', type: 'telepathy' }), /^type /);
});
