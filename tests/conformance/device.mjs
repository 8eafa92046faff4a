import { strict as assert } from 'node:assert';
import { collected, conforms, project, refused } from './harness.mjs';
import { customHttps, https } from './devices.mjs';

const it = await project('device');

async function made(name) {
  const { device_id: id, token } = await it.resources.devices.create({
    name, type: 'mutable', network: https, connector: customHttps,
  });
  return { id, token, device: it.client('Device', token) };
}

conforms('a device knows itself', async () => {
  const { id, device } = await made('Itself');
  const info = await device.info();
  assert.equal(info.id, id);
  assert.ok(info.created_at instanceof Date);
});

conforms('a device sends, reads, changes and deletes its data', async () => {
  const { device } = await made('Sender');
  const time = new Date('2026-02-01T10:00:00.125Z');
  const sent = await device.sendData([
    { variable: 'Temperature', value: 4.5, unit: '°C', group: 'g1', time, metadata: { by: 'test' } },
    { variable: 'place', value: 'Lyon', location: { lat: 45.75, lng: 4.85 }, group: 'g1', time },
  ]);
  assert.equal(sent, '2 Data Added');
  const [record] = await device.getData({ variables: ['temperature'], qty: 1 });
  assert.deepEqual(
    [record.variable, record.value, record.unit, record.group, record.time.toISOString(), record.metadata],
    ['temperature', 4.5, '°C', 'g1', time.toISOString(), { by: 'test' }],
  );
  const [place] = await device.getData({ query: 'last_location' });
  assert.deepEqual(place.location, { type: 'Point', coordinates: [4.85, 45.75] });
  assert.equal(await device.editData([{ id: record.id, value: 5, metadata: {} }]), '1 item(s) updated');
  assert.equal((await device.getData({ ids: record.id }))[0].value, 5);
  assert.equal(await device.sendData({ variable: 'temperature', value: 6 }), '1 Data Added');
  const [{ value: count }] = await device.getData({ query: 'count' });
  assert.equal(count, 3);
  // Without a question the SDK deletes the last record.
  await device.deleteData({ qty: 1 });
  assert.equal(await device.deleteData({ query: 'default', variables: ['temperature'] }), '1 Data Removed');
});

conforms('data streams both ways', async () => {
  const { device } = await made('Stream');
  const start = Date.parse('2026-02-01T00:00:00Z');
  const records = Array.from({ length: 120 }, (_, i) => ({
    variable: 'level', value: i, time: new Date(start + i * 1000),
  }));
  const options = { poolingRecordQty: 50, poolingTime: 1 };
  assert.equal(await device.sendDataStreaming(records, options), '120 Data added.');
  const streamed = await collected(device.getDataStreaming({ variables: ['level'] }, options));
  assert.deepEqual(streamed.map(({ value }) => value), records.map(({ value }) => value));
});

conforms('a device reads its parameters and says that it has', async () => {
  const { id, device } = await made('Parameters');
  await it.resources.devices.paramSet(id, [{ key: 'interval', value: '5', sent: false }, { key: 'unit', value: 'C', sent: true }]);
  assert.deepEqual((await device.getParameters('onlyRead')).map(({ key }) => key), ['unit']);
  const [unread] = await device.getParameters('onlyUnRead');
  assert.equal(unread.key, 'interval');
  assert.equal(await device.setParameterAsRead(unread.id), 'Params Successfully Updated');
  assert.deepEqual((await device.getParameters('all')).map(({ sent }) => sent), [true, true]);
});

conforms('errors come as the documented body, and the SDK throws the sentence', async () => {
  const { device } = await made('Errors');
  const bad = await it.ask('GET', '/device', { token: 'p-none' });
  assert.equal(bad.status, 401);
  assert.deepEqual(Object.keys(bad.body).sort(), ['message', 'status']);
  assert.equal(bad.body.status, false);
  assert.equal(typeof bad.body.message, 'string');
  await refused(device.sendData([{ value: 1 }]), /variable/);
  await refused(device.getData({ qty: 10_001 }), /^qty /);
  await refused(it.client('Device', it.token).sendData({ variable: 'a', value: 1 }), /^Authorization Denied/);
  await it.knob('/rates', { route: 'GET /data', per_minute: 0 });
  await refused(device.getData(), /^Too many requests \(Retry-After: \d+\)$/);
});
