import { strict as assert } from 'node:assert';
import { conforms, project, refused } from './harness.mjs';

const it = await project('network');
const { devices, integration, serviceAuthorization } = it.resources;
const { networks, connectors } = integration;

async function bridge(name) {
  const { network } = await networks.create({ name });
  const { connector } = await connectors.create({ name, networks: [network] });
  const { token } = await networks.tokenCreate(network, { name: 'bridge', permission: 'full' });
  return { network, connector, token };
}

conforms('a network is made, listed, read, changed and deleted', async () => {
  const { network: id } = await networks.create({ name: 'Own', description: 'of our own' });
  const made = await networks.info(id, ['id', 'name', 'description']);
  assert.deepEqual([made.name, made.description], ['Own', 'of our own']);
  await networks.edit(id, { name: 'Ours' });
  const own = await networks.list({ filter: { public: false }, fields: ['id', 'name'] });
  assert.deepEqual(own.map(({ name }) => name), ['Ours']);
  const all = await networks.list({ amount: 100 });
  assert.ok(all.length > 1 && all.some((network) => network.id === id));
  const { token } = await networks.tokenCreate(id, { name: 'second', permission: 'read' });
  assert.deepEqual((await networks.tokenList(id)).map(({ name }) => name), ['second']);
  assert.equal(await networks.tokenDelete(token), 'Token Successfully Removed');
  assert.deepEqual(await networks.tokenList(id), []);
  await networks.delete(id);
  await refused(networks.info(id), /does not exist|not found/i);
  await refused(networks.create({ name: '' }), /^name /);
});

conforms('a connector is made, listed, read, changed and deleted', async () => {
  const { network } = await networks.create({ name: 'For connectors' });
  const { connector: id } = await connectors.create({ name: 'Sensor', networks: [network] });
  const made = await connectors.info(id, ['id', 'name', 'networks']);
  assert.deepEqual([made.name, made.networks], ['Sensor', [network]]);
  await connectors.edit(id, { name: 'Sensor 2' });
  const own = await connectors.list({ filter: { public: false }, fields: ['id', 'name'] });
  assert.deepEqual(own.map(({ name }) => name), ['Sensor 2']);
  await connectors.delete(id);
  await refused(connectors.info(id), /does not exist|not found/i);
  await networks.delete(network);
});

conforms('a network finds its devices by serial number and speaks for them', async () => {
  const { network, connector, token } = await bridge('Bridge');
  const { device_id: id, token: deviceToken } = await devices.create({
    name: 'Behind', type: 'mutable', network, connector, serie_number: 'SN-9',
  });
  const client = it.client('Network', token, { details: false });
  assert.equal((await client.info()).id, network);
  const { token: authorization } = await serviceAuthorization.tokenCreate({ name: 'Bridge', permission: 'full' });
  const resolved = await client.resolveToken('SN-9', authorization);
  await it.client('Device', resolved).sendData({ variable: 'level', value: 1 });
  assert.equal(await devices.amount(id), 1);
  await refused(client.resolveToken('SN-0', authorization), /./);
  assert.deepEqual((await client.deviceList(connector)).map(({ id }) => id), [id]);
  await client.deviceParamSet(id, { key: 'downlink', value: '1', sent: false });
  const [param] = await devices.paramList(id);
  await client.deviceParamSet(id, { sent: true }, param.id);
  assert.deepEqual((await devices.paramList(id)).map(({ key, sent }) => [key, sent]), [['downlink', true]]);
  await client.publishToRelay({ topic: 'down/SN-9', message: 'on', device: id });
  assert.equal((await it.outbox()).length, 1);
  await refused(it.client('Network', deviceToken).deviceList(connector), /^Authorization Denied/);
});
