import { strict as assert } from 'node:assert';
import { conforms, project, refused } from './harness.mjs';
import { customHttps, https } from './devices.mjs';

const it = await project('dashboards');
const { dashboards, devices, analysis } = it.resources;
const { widgets } = dashboards;

async function device(name) {
  const { device_id: id, token } = await devices.create({ name, type: 'mutable', network: https, connector: customHttps });
  await it.client('Device', token).sendData({ variable: 'temperature', value: 4.5 });
  return id;
}

conforms('a dashboard is made, listed, read, changed and deleted', async () => {
  const tabs = [{ key: '1', value: 'First', link: '', hidden: false }];
  const { dashboard: id } = await dashboards.create({
    label: 'Trucks', type: 'dashboard', visible: true, tabs, tags: [{ key: 'site', value: 'Lyon' }],
  });
  const made = await dashboards.info(id);
  assert.deepEqual([made.label, made.tabs[0].key, made.tags], ['Trucks', '1', [{ key: 'site', value: 'Lyon' }]]);
  assert.ok(made.created_at instanceof Date);
  await dashboards.edit(id, { label: 'Vans' });
  const edited = await dashboards.info(id);
  assert.deepEqual([edited.label, edited.tabs.length], ['Vans', 1]);
  for (const filter of [{ label: 'Va*' }, { tags: [{ key: 'site', value: 'Lyon' }] }]) {
    const listed = await dashboards.list({ filter, fields: ['id', 'label', 'created_at'], orderBy: ['label', 'desc'] });
    assert.deepEqual(listed.map(({ label }) => label), ['Vans']);
    assert.ok(listed[0].created_at instanceof Date);
  }
  assert.equal(await dashboards.delete(id), 'Successfully Removed');
  await refused(dashboards.info(id), /does not exist|not found/i);
  await refused(dashboards.create({ label: '' }), /^label /);
});

conforms('widgets are made, read, changed, arranged and deleted', async () => {
  const { dashboard } = await dashboards.create({ label: 'Widgets', type: 'dashboard' });
  const display = { show_units: true, header_buttons: [] };
  const { widget } = await widgets.create(dashboard, { label: 'Now', type: 'card', display });
  const made = await widgets.info(dashboard, widget);
  assert.deepEqual([made.label, made.type, made.display, made.dashboard], ['Now', 'card', display, dashboard]);
  const { id: script } = await analysis.create({ name: 'Button' });
  await widgets.edit(dashboard, widget, { label: 'Then', analysis_run: script });
  assert.equal((await widgets.info(dashboard, widget)).analysis_run, script);
  // A change that leaves it out takes it away.
  await widgets.edit(dashboard, widget, { label: 'Now' });
  assert.equal((await widgets.info(dashboard, widget)).analysis_run, null);
  const arrangement = [{ widget_id: widget, x: 0, y: 0, width: 1, height: 2, tab: null }];
  await dashboards.edit(dashboard, { arrangement });
  assert.equal((await dashboards.info(dashboard)).arrangement[0].widget_id, widget);
  assert.ok((await widgets.tokenGenerate(dashboard, widget)).widget_token);
  assert.equal(await widgets.delete(dashboard, widget), 'Successfully Removed');
  await refused(widgets.info(dashboard, widget), /does not exist|not found/i);
});

conforms('a widget shows, takes, changes and removes data', async () => {
  const origin = await device('Shown');
  const { dashboard } = await dashboards.create({ label: 'Data', type: 'dashboard' });
  const source = [{ origin, query: 'last_value', variables: ['temperature'] }];
  const { widget } = await widgets.create(dashboard, { label: 'Now', type: 'card', display: {}, data: source });
  const shown = await widgets.getData(dashboard, widget);
  assert.equal(shown.widget.id, widget);
  assert.equal(shown.content[0].result[0].value, 4.5);
  await widgets.sendData(dashboard, widget, { origin, variable: 'temperature', value: 5 });
  assert.equal(await devices.amount(origin), 2);
  const [latest] = await devices.getDeviceData(origin, { variables: 'temperature', qty: 1 });
  await widgets.editData(dashboard, widget, { origin, id: latest.id, value: 6 });
  assert.equal((await devices.getDeviceData(origin, { ids: latest.id }))[0].value, 6);
  await widgets.deleteData(dashboard, widget, [`${latest.id}:${origin}`]);
  assert.equal(await devices.amount(origin), 1);
});

conforms('a widget changes the resource that it shows', async () => {
  const id = await device('Resource');
  const { dashboard } = await dashboards.create({ label: 'Resources', type: 'dashboard' });
  const resource = [{ type: 'device', filter: { tags: [] }, view: ['name'], editable: ['name'] }];
  const { widget } = await widgets.create(dashboard, { label: 'Devices', type: 'device_list', display: {}, resource });
  await widgets.editResource(dashboard, widget, { device: id, name: 'Renamed' });
  assert.equal((await devices.info(id)).name, 'Renamed');
});

conforms('a dashboard is copied, shared, and knows its devices and analyses', async () => {
  const origin = await device('Related');
  const { id: script } = await analysis.create({ name: 'Related' });
  const { dashboard } = await dashboards.create({ label: 'Original', type: 'dashboard' });
  const source = [{ origin, query: 'last_value', variables: ['temperature'] }];
  const { widget } = await widgets.create(dashboard, {
    label: 'Now', type: 'card', display: { header_buttons: [{ type: 'analysis', analysis: script }] }, data: source, analysis_run: script,
  });
  const arrangement = [{ widget_id: widget, x: 0, y: 0, width: 1, height: 2 }];
  await dashboards.edit(dashboard, { arrangement });
  assert.deepEqual((await dashboards.listDevicesRelated(dashboard)).map(({ id }) => id), [origin]);
  assert.deepEqual((await dashboards.listAnalysisRelated(dashboard)).map(({ id }) => id), [script]);
  const { dashboard_id: copy } = await dashboards.duplicate(dashboard, { new_label: 'Copy' });
  const copied = await dashboards.info(copy);
  assert.equal(copied.label, 'Copy');
  assert.equal(copied.arrangement.length, 1);
  assert.notEqual(copied.arrangement[0].widget_id, widget);
  const key = await dashboards.getPublicKey(dashboard, '1 day');
  assert.ok(key.token && key.expire_time instanceof Date);
});
