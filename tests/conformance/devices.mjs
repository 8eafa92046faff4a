import { strict as assert } from 'node:assert';
import { collected, conforms, project, refused } from './harness.mjs';

export const https = '5bbd0d144051a50034cd19fb';
export const customHttps = '5f5a8f3351d4db99c40dece5';

const it = await project('devices');
const { devices, buckets } = it.resources;
const quickly = { poolingTime: 1, poolingRecordQty: 40 };

function made(name, more = {}) {
  return devices.create({ name, type: 'mutable', network: https, connector: customHttps, ...more });
}

conforms('a device is made, read, changed and deleted', async () => {
  const { device_id: id, token } = await made('Truck 1', { tags: [{ key: 'site', value: 'Lyon' }] });
  assert.match(id, /^[0-9a-f]{24}$/);
  assert.equal(token.length, 36);
  const device = await devices.info(id);
  assert.equal(device.name, 'Truck 1');
  assert.deepEqual(device.tags, [{ key: 'site', value: 'Lyon' }]);
  assert.ok(device.created_at instanceof Date && device.updated_at instanceof Date);
  assert.deepEqual([device.network, device.connector, device.type, device.active], [https, customHttps, 'mutable', true]);
  assert.equal(await devices.edit(id, { name: 'Truck 1b', active: false }), 'Successfully Updated');
  const edited = await devices.info(id);
  assert.deepEqual([edited.name, edited.active, edited.tags], ['Truck 1b', false, device.tags]);
  assert.equal(await devices.delete(id), 'Successfully Removed');
  await refused(devices.info(id), /does not exist|not found/i);
});

conforms('devices are listed by page, name, tag, field and order', async () => {
  for (let i = 0; i < 25; i += 1) {
    await made(`Cold ${String(i).padStart(2, '0')}`, { tags: [{ key: 'route', value: `r${i % 5}` }] });
  }
  const names = (list) => list.map(({ name }) => name);
  const filter = { name: 'Cold *' };
  assert.equal((await devices.list({ filter })).length, 20);
  assert.deepEqual(names(await devices.list({ filter, page: 3, amount: 10 })), [
    'Cold 20', 'Cold 21', 'Cold 22', 'Cold 23', 'Cold 24',
  ]);
  assert.deepEqual(names(await devices.list({ filter, amount: 2, orderBy: ['name', 'desc'] })), ['Cold 24', 'Cold 23']);
  const byTag = await devices.list({ filter: { tags: [{ key: 'route', value: 'r3' }] } });
  assert.deepEqual(names(byTag), ['Cold 03', 'Cold 08', 'Cold 13', 'Cold 18', 'Cold 23']);
  assert.equal((await devices.list({ filter: { tags: [{ key: 'route' }] }, amount: 100 })).length, 25);
  const [one] = await devices.list({ filter: { name: 'Cold 00' }, fields: ['id', 'name', 'active', 'created_at'] });
  assert.equal(one.active, true);
  assert.ok(one.created_at instanceof Date);
  // The SDK asks for its page 0, which is the first, and for page 1 again.
  const streamed = await collected(devices.listStreaming({ filter }, { poolingTime: 1, poolingRecordQty: 10 }));
  assert.deepEqual([...new Set(names(streamed))].sort(), names(await devices.list({ filter, amount: 100 })));
});

conforms('a bucket is its device', async () => {
  const { device_id: id, bucket_id, token } = await made('Bucket');
  assert.equal(bucket_id, id);
  await it.client('Device', token).sendData({ variable: 'temperature', value: 1 });
  assert.equal(await buckets.amount(id), 1);
  assert.equal((await buckets.info(id)).name, 'Bucket');
  assert.equal((await buckets.list({ filter: { name: 'Bucket' } }))[0].id, id);
});

conforms('configuration parameters are set, listed, changed and removed', async () => {
  const { device_id: id } = await made('Parameters');
  const set = 'Params Successfully Updated';
  assert.equal(await devices.paramSet(id, [{ key: 'interval', value: '5', sent: false }]), set);
  assert.equal(await devices.paramSet(id, { key: 'unit', value: 'C', sent: true }), set);
  const [unsent] = await devices.paramList(id, false);
  assert.deepEqual([unsent.key, unsent.value, unsent.sent], ['interval', '5', false]);
  assert.equal(await devices.paramSet(id, { value: '10' }, unsent.id), set);
  const all = await devices.paramList(id);
  assert.deepEqual(all.map(({ key, value }) => `${key}=${value}`).sort(), ['interval=10', 'unit=C']);
  assert.equal(await devices.paramRemove(id, unsent.id), 'Successfully Removed');
  assert.deepEqual((await devices.paramList(id)).map(({ key }) => key), ['unit']);
});

conforms('device tokens are made, listed and removed', async () => {
  const { device_id: id } = await made('Tokens');
  const { token } = await devices.tokenCreate(id, { name: 'second', permission: 'read', serie_number: 'SN1' });
  const listed = await devices.tokenList(id, { fields: ['name', 'token', 'permission', 'serie_number', 'created_at'] });
  const second = listed.find(({ name }) => name === 'second');
  assert.deepEqual([second.permission, second.serie_number], ['read', 'SN1']);
  assert.ok(second.created_at instanceof Date);
  await refused(it.client('Device', token).sendData({ variable: 'a', value: 1 }), /^Authorization Denied/);
  assert.equal(await devices.tokenDelete(token), 'Token Successfully Removed');
  await refused(it.client('Device', token).info(), /token/i);
});

conforms('data of a device is read, changed, deleted and emptied with a profile token', async () => {
  const { device_id: id, token } = await made('Data');
  const device = it.client('Device', token);
  await device.sendData(Array.from({ length: 30 }, (_, i) => ({ variable: 'temperature', value: i })));
  assert.equal(await devices.amount(id), 30);
  assert.equal((await devices.getDeviceData(id)).length, 15);
  const [last] = await devices.getDeviceData(id, { query: 'last_item', variables: ['temperature'] });
  assert.ok(last.time instanceof Date);
  assert.equal(await devices.editDeviceData(id, { id: last.id, value: 99 }), '1 item(s) updated');
  assert.equal((await devices.getDeviceData(id, { ids: [last.id] }))[0].value, 99);
  const [{ value: count }] = await devices.getDeviceData(id, { query: 'count' });
  assert.equal(count, 30);
  assert.equal(await devices.deleteDeviceData(id, { variables: 'temperature', qty: 4 }), '4 Data Removed');
  const streamed = await collected(devices.getDeviceDataStreaming(id, {}, { ...quickly, poolingRecordQty: 10 }));
  assert.equal(new Set(streamed.map(({ id }) => id)).size, 26);
  assert.equal(await devices.emptyDeviceData(id), 'Data Successfully Removed');
  assert.equal((await devices.getDeviceData(id)).length, 0);
});

conforms('what cannot be is refused with the field and the rule', async () => {
  await refused(made(''), /^name /);
  await refused(made('x', { network: 'f'.repeat(24) }), /^network /);
  await refused(devices.info('f'.repeat(24)), /does not exist|not found/i);
  await refused(devices.list({ orderBy: ['secret', 'asc'] }), /^orderBy /);
});

conforms('an immutable device keeps its records by period, and a period goes as a whole', async () => {
  const { device_id: id, token } = await devices.create({
    name: 'Archive', type: 'immutable', network: https, connector: customHttps, chunk_period: 'month', chunk_retention: 2,
  });
  await it.client('Device', token).sendData({ variable: 'level', value: 1 });
  const [chunk] = await devices.getChunk(id);
  assert.match(chunk.id, /^\d+_\d+$/);
  assert.equal(chunk.amount, 1);
  assert.equal(await devices.deleteChunk(id, chunk.id), `Chunk ${chunk.id} deleted`);
  assert.equal(await devices.amount(id), 0);
});

conforms('data goes out to a file and comes in from one', async () => {
  const { device_id: id, token } = await made('Export');
  const records = Array.from({ length: 30 }, (_, i) => ({ variable: 'level', value: i, group: `g${i}` }));
  await it.client('Device', token).sendData(records);
  const { file_address } = await devices.dataBackup({ deviceID: id, file_address: 'exports/level', headers: true });
  assert.equal(file_address, 'exports/level.csv');
  await appears('exports/level.csv');
  const { device_id: other } = await made('Import');
  const queued = await devices.dataRestore({ deviceID: other, file_address });
  assert.equal(queued, 'Data import added to the queue successfully!');
  while ((await devices.amount(other)) < 30);
  const values = (await devices.getDeviceData(other, { qty: 100 })).map(({ value }) => value);
  assert.deepEqual(values.sort((a, b) => a - b), records.map(({ value }) => value));
});

conforms('a period goes out to a file', async () => {
  const { device_id: id, token } = await devices.create({
    name: 'Periods', type: 'immutable', network: https, connector: customHttps, chunk_period: 'month', chunk_retention: 2,
  });
  await it.client('Device', token).sendData({ variable: 'level', value: 1 });
  const [chunk] = await devices.getChunk(id);
  const backup = await devices.dataBackup({ deviceID: id, file_address: 'exports/period', headers: true }, chunk.id);
  assert.deepEqual([backup.chunk_id, backup.file_address], [chunk.id, 'exports/period.csv']);
  await appears('exports/period.csv');
  const copy = await devices.copyChunk({ deviceID: id, chunkID: chunk.id, file_address: 'exports/copy', headers: true });
  assert.equal(copy.chunk_id, chunk.id);
  await appears('exports/copy.csv');
});

/** Asks until the file is there: an export is queued, and nothing else tells its end. */
async function appears(path) {
  const folder = path.split('/').slice(0, -1).join('/');
  const there = async () => (await it.resources.files.list({ path: folder })).files.some(({ filename }) => filename === path);
  while (!(await there()));
}
