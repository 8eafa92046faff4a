import { strict as assert } from 'node:assert';
import { conforms, project, refused } from './harness.mjs';
import { customHttps, https } from './devices.mjs';

const it = await project('access');
const { accessManagement, analysis, devices } = it.resources;

conforms('a policy is made, listed without its rules, read, changed and deleted', async () => {
  const permissions = [{ effect: 'allow', action: ['access'], resource: ['device', 'tag.key', 'site', 'tag.value', 'Lyon'] }];
  const targets = [['analysis', 'tag.key', 'site', 'tag.value', 'Lyon']];
  const { am_id: id } = await accessManagement.create({
    name: 'Readers', active: true, permissions, targets, tags: [{ key: 'site', value: 'Lyon' }],
  });
  const made = await accessManagement.info(id);
  assert.deepEqual([made.permissions, made.targets], [permissions, targets]);
  assert.ok(made.created_at instanceof Date);
  for (const filter of [{ name: 'Read*' }, { tags: [{ key: 'site', value: 'Lyon' }] }]) {
    const [listed] = await accessManagement.list({ filter, fields: ['id', 'name', 'active', 'created_at'] });
    assert.deepEqual([listed.id, listed.active, listed.permissions, listed.targets], [id, true, undefined, undefined]);
  }
  assert.equal(await accessManagement.edit(id, { active: false }), 'Access Management Successfully Updated');
  const edited = await accessManagement.info(id);
  assert.deepEqual([edited.active, edited.permissions], [false, permissions]);
  assert.equal(await accessManagement.delete(id), 'Access Management Successfully Deleted');
  await refused(accessManagement.info(id), /does not exist|not found/i);
  await refused(accessManagement.create({ name: 'x', permissions: [{ effect: 'perhaps' }], targets: [] }), /./);
});

conforms('an analysis sends where a policy lets it, and nowhere else', async () => {
  const device = async (name, site) => {
    const tags = [{ key: 'site', value: site }];
    return (await devices.create({ name, type: 'mutable', network: https, connector: customHttps, tags })).device_id;
  };
  const [lyon, nice] = [await device('Lyon', 'Lyon'), await device('Nice', 'Nice')];
  const { id, token } = await analysis.create({ name: 'Writer' });
  const scripted = it.client('Resources', token).devices;
  await refused(scripted.sendDeviceData(lyon, { variable: 'a', value: 1 }), /^Authorization Denied/);
  const { am_id: policy } = await accessManagement.create({
    name: 'Writers', active: true, targets: [['analysis', 'id', id]],
    permissions: [{ effect: 'allow', action: ['send_data'], resource: ['device', 'tag.key', 'site', 'tag.value', 'Lyon'] }],
  });
  assert.equal(await scripted.sendDeviceData(lyon, { variable: 'a', value: 1 }), '1 Data Added');
  const records = Array.from({ length: 25 }, (_, value) => ({ variable: 'a', value }));
  const options = { poolingRecordQty: 10, poolingTime: 1 };
  assert.equal(await scripted.sendDeviceDataStreaming(lyon, records, options), '25 Data added.');
  assert.equal(await devices.amount(lyon), 26);
  await refused(scripted.sendDeviceData(nice, { variable: 'a', value: 1 }), /^Authorization Denied/);
  assert.equal(await devices.amount(nice), 0);
  await accessManagement.edit(policy, { active: false });
  await refused(scripted.sendDeviceData(lyon, { variable: 'a', value: 1 }), /^Authorization Denied/);
});
