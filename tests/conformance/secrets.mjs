import { strict as assert } from 'node:assert';
import { conforms, project, refused } from './harness.mjs';

const it = await project('secrets');
const { secrets, serviceAuthorization, sql, tags } = it.resources;

conforms('a secret is kept, and its value is never shown', async () => {
  const { id } = await secrets.create({ key: 'API_KEY', value: 'very secret', tags: [{ key: 'site', value: 'Lyon' }] });
  const made = await secrets.info(id);
  assert.deepEqual([made.key, made.value_length, made.value], ['API_KEY', 11, undefined]);
  assert.ok(made.created_at instanceof Date);
  await secrets.edit(id, { value: 'longer than that' });
  assert.equal((await secrets.info(id)).value_length, 16);
  for (const filter of [{ key: 'API*' }, { tags: [{ key: 'site', value: 'Lyon' }] }]) {
    const [listed] = await secrets.list({ filter, fields: ['id', 'key', 'tags'] });
    assert.deepEqual([listed.id, listed.key, listed.value], [id, 'API_KEY', undefined]);
  }
  const { body } = await it.ask('GET', `/secrets/${id}`);
  assert.ok(!JSON.stringify(body).includes('longer than that'));
  await refused(secrets.create({ key: 'API_KEY', value: 'x' }), /key/);
  assert.equal(await secrets.delete(id), 'Successfully Removed');
  await refused(secrets.info(id), /does not exist|not found/i);
});

conforms('a service authorization is made, listed, changed and removed', async () => {
  const { token } = await serviceAuthorization.tokenCreate({ name: 'Bridge', permission: 'full', expire_time: 'never' });
  assert.match(token, /^at[0-9a-f]{32}$/);
  await serviceAuthorization.tokenEdit(token, 'checked');
  const fields = ['name', 'token', 'permission', 'verification_code', 'created_at'];
  const [listed] = await serviceAuthorization.tokenList({ fields });
  assert.deepEqual([listed.name, listed.permission, listed.verification_code], ['Bridge', 'full', 'checked']);
  assert.ok(listed.created_at instanceof Date);
  await serviceAuthorization.tokenDelete(token);
  assert.deepEqual(await serviceAuthorization.tokenList(), []);
});

conforms('a query is kept with its versions', async () => {
  const made = await sql.create({ name: 'Devices', query: 'SELECT 1', active: true });
  assert.ok(made.created_at instanceof Date);
  const changed = await sql.edit(made.id, { name: 'Devices', query: 'SELECT 2' });
  assert.equal(changed.query, 'SELECT 2');
  assert.equal((await sql.info(made.id)).query, 'SELECT 2');
  assert.equal((await sql.getVersion(made.id, 1)).query, 'SELECT 1');
  const listed = await sql.list({ filter: { name: 'Dev*' }, fields: ['id', 'name'] });
  assert.deepEqual(listed.map(({ id }) => id), [made.id]);
  const tables = await sql.tables();
  assert.ok(tables.functions.some(({ name }) => name === 'count'));
  assert.equal((await sql.delete(made.id)).id, made.id);
  await refused(sql.info(made.id), /does not exist|not found/i);
});

conforms('keys of tags are listed by what they are on', async () => {
  await secrets.create({ key: 'TAGGED', value: 'x', tags: [{ key: 'floor', value: '1' }] });
  assert.deepEqual(await tags.getTagKeys('secrets'), ['floor']);
  assert.deepEqual(await tags.getTagKeys('device'), []);
});
