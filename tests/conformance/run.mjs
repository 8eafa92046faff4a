import { strict as assert } from 'node:assert';
import { conforms, project, refused, statics } from './harness.mjs';

const it = await project('run');
const { run } = it.resources;
const RunUser = statics('RunUser');
const { region } = it;
const password = 'secret password';

async function latest() {
  const messages = await it.messages();
  return messages.at(-1).body;
}

async function portal() {
  const { url } = await run.info();
  return url;
}

/** A user with the client that the own token opens. */
async function user(name) {
  const email = `${name.toLowerCase()}@frostline.example`;
  const { user: id } = await run.userCreate({ name, email, password, timezone: 'Europe/Paris', active: true });
  const { token } = await RunUser.login(await portal(), { email, password }, region);
  return { id, email, client: it.client('RunUser', token) };
}

conforms('TagoRUN is configured', async () => {
  const before = await run.info();
  assert.equal(before.profile, it.profile);
  assert.equal(await run.edit({ name: 'Portal', theme: { primary: 'red' } }), 'TagoIO Run Successfully Updated');
  const after = await run.info();
  assert.deepEqual([after.name, after.theme.primary, after.url], ['Portal', 'red', before.url]);
  const mapping = { email: 'mail', firstName: 'given' };
  assert.equal(await run.ssoSAMLEdit({ mapping }), 'TagoIO Run SSO Successfully Updated');
  const saml = await run.ssoSAMLInfo();
  assert.deepEqual([saml.mapping, saml.sp.entity_id.includes(it.profile)], [mapping, true]);
  const metadata = '<EntityDescriptor entityID="https://idp.example"></EntityDescriptor>';
  await run.ssoSAMLEdit({ idp_metadata: Buffer.from(metadata).toString('base64') });
  assert.equal((await run.ssoSAMLInfo()).idp.issuer, 'https://idp.example');
  await refused(run.ssoSAMLEdit({ mapping: { firstName: 'given' } }), /^mapping.email /);
  await run.emailTest({ subject: 'Hello', body: 'A test' });
  assert.equal((await it.messages()).at(-1).subject, 'Hello');
});

conforms('users are made, listed, read, changed and deleted', async () => {
  const { user: id } = await run.userCreate({
    name: 'Robin', email: 'robin@frostline.example', password, timezone: 'Europe/Paris', tags: [{ key: 'site', value: 'Lyon' }],
  });
  const found = await run.userInfo(id);
  assert.deepEqual([found.name, found.active, found.tags], ['Robin', false, [{ key: 'site', value: 'Lyon' }]]);
  assert.ok(found.created_at instanceof Date);
  assert.equal(await run.userEdit(id, { company: 'Frostline', active: true }), 'TagoIO Run User Successfully Updated');
  assert.equal((await run.userInfo(id)).company, 'Frostline');
  const filters = [{ name: 'Rob*' }, { email: 'robin@*' }, { tags: [{ key: 'site', value: 'Lyon' }] }];
  for (const filter of filters) {
    const listed = await run.listUsers({ filter, fields: ['id', 'name', 'created_at'], orderBy: ['name', 'desc'] });
    assert.deepEqual(listed.map(({ id }) => id), [id]);
    assert.ok(listed[0].created_at instanceof Date);
  }
  await refused(run.userCreate({ name: 'X', email: 'ROBIN@frostline.example', password }), /^email /);
  const login = await run.loginAsUser(id, { expire_time: '1 hour' });
  assert.ok(login.expire_date instanceof Date);
  assert.equal((await it.client('RunUser', login.token).info(await portal())).id, id);
  assert.equal(await run.userDelete(id), 'Successfully Removed');
  await refused(run.userInfo(id), /does not exist|not found/i);
});

conforms('notifications of users are made, listed, changed and deleted', async () => {
  const { id: bo } = await user('Bo');
  const { id } = await run.notificationCreate(bo, { title: 'Door', message: 'It is open' });
  assert.equal(await run.notificationEdit(id, { title: 'Gate' }), 'TagoIO Notification User Successfully Updated');
  assert.deepEqual((await run.notificationList(bo)).map(({ title }) => title), ['Gate']);
  await run.notificationDelete(id);
  assert.deepEqual(await run.notificationList(bo), []);
});

conforms('a user signs up, confirms, logs in, changes and leaves', async () => {
  const url = await portal();
  const email = 'dee@frostline.example';
  await RunUser.create(url, { name: 'Dee', email, password, timezone: 'UTC' }, region);
  await refused(RunUser.login(url, { email, password }, region), /not active/);
  await RunUser.confirmUser(url, await latest(), region);
  const { token, expire_date } = await RunUser.login(url, { email, password }, region);
  assert.ok(expire_date instanceof Date);
  const dee = it.client('RunUser', token);
  assert.equal((await dee.info(url)).email, email);
  await dee.edit(url, { company: 'Frostline' });
  assert.equal((await dee.info(url)).company, 'Frostline');
  await refused(dee.edit(url, { tags: [] }), /./);
  await refused(it.client('Resources', token).devices.list(), /^Authorization Denied/);
  await dee.delete(url);
  await refused(RunUser.login(url, { email, password }, region), /^Invalid credentials/);
});

conforms('a user chooses a forgotten password again', async () => {
  const url = await portal();
  const { email } = await user('Eve');
  await RunUser.passwordRecover(url, email, region);
  await it.client('RunUser', await latest()).passwordChange(url, 'another password');
  await RunUser.login(url, { email, password: 'another password' }, region);
  await refused(RunUser.login(url, { email, password }, region), /^Invalid credentials/);
});

conforms('a user has a second factor', async () => {
  const url = await portal();
  const { email, client } = await user('Fay');
  await client.enableOTP(url, { email, password }, 'email');
  await client.confirmOTP(url, await latest(), 'email');
  await RunUser.requestLoginPINCode(url, { email, password }, 'email', region);
  const pin = { otp_type: 'email', pin_code: await latest() };
  assert.ok((await RunUser.login(url, { email, password, ...pin }, region)).token);
  await client.disableOTP(url, { email, password }, 'email');
  assert.ok((await RunUser.login(url, { email, password }, region)).token);
});

conforms('a user reads, presses and removes notifications', async () => {
  const url = await portal();
  const { id: gus, client } = await user('Gus');
  const button = { id: 'ack', label: 'Acknowledge', triggers: [{ analysis_id: 'f'.repeat(24) }] };
  const { id } = await run.notificationCreate(gus, { title: 'Door', message: 'It is open', buttons: [button] });
  const read = async () => (await client.notificationList(url)).map(({ read }) => read);
  assert.deepEqual(await read(), [false]);
  await client.notificationMarkRead(url, id);
  assert.deepEqual(await read(), [true]);
  await client.notificationMarkUnread(url, [id]);
  assert.deepEqual(await read(), [false]);
  await client.notificationMarkAllRead(url);
  assert.deepEqual(await read(), [true]);
  await client.notificationButton(url, id, 'ack');
  await client.notificationDelete(url, id);
  assert.deepEqual(await client.notificationList(url), []);
});

conforms('a user keeps items', async () => {
  const url = await portal();
  const { client } = await user('Hal');
  await client.SDB.setItem(url, 'theme', 'dark');
  assert.equal(await client.SDB.getItem(url, 'theme'), 'dark');
  await client.SDB.removeItem(url, 'theme');
  assert.equal(await client.SDB.getItem(url, 'theme'), null);
});
