import { strict as assert } from 'node:assert';
import { conforms, project, refused } from './harness.mjs';

const it = await project('entities');
const { entities } = it.resources;

function made(name) {
  return entities.create({
    name,
    schema: {
      site: { type: 'string', required: true },
      note: { type: 'text', required: false },
      level: { type: 'float', required: false },
      at: { type: 'timestamp', required: false },
    },
    index: { site_idx: { fields: ['site'] } },
    tags: [{ key: 'site', value: 'Lyon' }],
  });
}

conforms('an entity is made, listed, read, changed and deleted', async () => {
  const { id } = await made('Rooms');
  const entity = await entities.info(id);
  assert.deepEqual([entity.name, entity.schema.site, entity.index.site_idx.fields], [
    'Rooms', { type: 'string', required: true }, ['site'],
  ]);
  assert.ok(entity.created_at instanceof Date);
  assert.deepEqual(await entities.edit(id, { tags: [] }), { message: 'Entity Successfully Updated' });
  assert.deepEqual((await entities.info(id)).tags, []);
  for (const filter of [{ name: 'Roo*' }, { id }]) {
    const listed = await entities.list({ filter, fields: ['id', 'name', 'created_at'], orderBy: ['name', 'desc'] });
    assert.deepEqual(listed.map(({ name }) => name), ['Rooms']);
    assert.ok(listed[0].created_at instanceof Date);
  }
  assert.equal(await entities.delete(id), 'Entity Successfully Removed');
  await refused(entities.info(id), /does not exist|not found/i);
  await refused(entities.create({ name: 'Bad', schema: { site: { type: 'colour' } } }), /./);
});

conforms('a schema changes', async () => {
  const { id } = await made('Schema');
  const changed = { message: 'Entity Successfully Updated' };
  const more = {
    schema: { extra: { action: 'create', type: 'int', required: false } },
    index: { level_idx: { action: 'create', fields: ['level'] } },
  };
  assert.deepEqual(await entities.editSchemaIndex(id, more), changed);
  assert.deepEqual(await entities.renameField(id, 'note', 'remark'), changed);
  assert.deepEqual(await entities.updateField(id, 'site', { required: false }), changed);
  assert.deepEqual(await entities.deleteIndex(id, 'level_idx'), changed);
  assert.deepEqual(await entities.deleteField(id, 'extra'), changed);
  const { schema, index } = await entities.info(id);
  assert.deepEqual([schema.note, schema.extra, schema.site.required], [undefined, undefined, false]);
  assert.equal(schema.remark.type, 'text');
  assert.deepEqual([index.level_idx, index.site_idx.fields], [undefined, ['site']]);
  await refused(entities.renameField(id, 'nothing', 'else'), /./);
});

conforms('rows are sent, read by index, changed, kept by their id and deleted', async () => {
  const { id } = await made('Rows');
  const rows = Array.from({ length: 5 }, (_, i) => ({ site: i % 2 ? 'Nice' : 'Lyon', level: i, at: '2026-02-01T00:00:00Z' }));
  assert.equal(await entities.sendEntityData(id, rows), '5 Data Added');
  assert.equal(await entities.amount(id), 5);
  const nice = await entities.getEntityData(id, { index: 'site_idx', filter: { site: 'Nice' }, amount: 10 });
  assert.deepEqual(nice.map(({ level }) => level).sort(), [1, 3]);
  assert.ok(nice[0].created_at instanceof Date);
  assert.equal(await entities.editEntityData(id, { id: nice[0].id, level: 9 }), '1 item(s) updated');
  // A row that is sent with an id takes the place of the one that has it.
  await entities.sendEntityData(id, { id: nice[1].id, site: 'Nice', level: 10 });
  const again = await entities.getEntityData(id, { index: 'site_idx', filter: { site: 'Nice' }, amount: 10 });
  assert.deepEqual(again.map(({ level }) => level).sort((a, b) => a - b), [9, 10]);
  assert.equal(await entities.deleteEntityData(id, { ids: nice.map(({ id }) => id) }), '2 item(s) deleted');
  assert.equal(await entities.amount(id), 3);
  await entities.emptyEntityData(id);
  assert.equal(await entities.amount(id), 0);
  await refused(entities.sendEntityData(id, { level: 1 }), /site/);
});
