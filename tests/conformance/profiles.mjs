import { strict as assert } from 'node:assert';
import { conforms, project, refused, statics } from './harness.mjs';
import { password } from './account.mjs';

const it = await project('profiles');
const { profiles } = it.resources;
const Account = statics('Account');
const { owner: email, profile: id } = it;

async function invitation() {
  const messages = await it.messages();
  return messages.at(-1).body;
}

conforms('a profile is listed, read, changed and summed up', async () => {
  assert.deepEqual((await profiles.list()).map(({ id }) => id), [id]);
  assert.equal(await profiles.edit(id, { name: 'Warehouse' }), 'Successfully Updated');
  const { info } = await profiles.info('current');
  assert.equal(info.name, 'Warehouse');
  assert.ok(info.created_at instanceof Date);
  const summary = await profiles.summary(id);
  assert.equal(summary.amount.device, 0);
  assert.ok(summary.limit && summary.limit_used);
  assert.deepEqual(Object.keys(await profiles.summary(id, { onlyAmount: true })), ['amount']);
  await refused(profiles.info('f'.repeat(24)), /does not exist|not found/i);
});

conforms('a project has its one profile', async () => {
  await refused(profiles.create({ name: 'Second' }), /^You have exceeded the maximum limit of profiles/);
  await refused(profiles.delete(id, { password: 'wrong one' }), /^Invalid password/);
  await profiles.transferTokenToAnotherProfile(id);
  await refused(profiles.transferTokenToAnotherProfile('f'.repeat(24)), /./);
});

conforms('profile tokens are made with the password, listed and removed', async () => {
  const { token } = await profiles.tokenCreate(id, { name: 'second', permission: 'full', email, password });
  assert.ok(token.startsWith('p-'));
  const fields = ['name', 'token', 'permission', 'created_at'];
  const listed = await profiles.tokenList(id, { fields });
  const second = listed.find(({ name }) => name === 'second');
  assert.equal(second.permission, 'full');
  assert.ok(second.created_at instanceof Date);
  assert.equal(await profiles.tokenDelete(id, token), 'Token Successfully Removed');
  await refused(it.client('Resources', token).profiles.list(), /token/i);
});

conforms('a team is invited, accepts or declines, and leaves', async () => {
  assert.equal(await profiles.addTeamMember(id, 'bo@frostline.example'), 'User invited');
  await Account.acceptTeamInvitation(await invitation(), it.region);
  const [member] = await profiles.teamList(id);
  assert.equal(member.active, true);
  await profiles.deleteTeamMember(id, member.id);
  await profiles.addTeamMember(id, 'cy@frostline.example');
  await Account.declineTeamInvitation(await invitation(), it.region);
  assert.deepEqual(await profiles.teamList(id), []);
});

conforms('services of a profile want a known provider', async () => {
  await refused(profiles.serviceEdit(id, { email: { provider: 'pigeon' } }), /^email.provider /);
  assert.equal((await profiles.addonList(id)).custom_dns, false);
});

conforms('what a profile used is told by the day, and what was done is looked up', async () => {
  const statistics = await profiles.usageStatisticList(id, { date: new Date().toISOString().slice(0, 10), timezone: 'UTC' });
  assert.ok(statistics.every(({ time, input }) => time instanceof Date && typeof input === 'number'));
  const question = await profiles.auditLog(id);
  assert.ok(question.queryId);
  let answer = question;
  while (answer.status === 'Running') answer = await profiles.auditLogQuery(id, question.queryId);
  assert.ok(Array.isArray(answer.events) && answer.events.every(({ date }) => date instanceof Date));
});
