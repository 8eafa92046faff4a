import { strict as assert } from 'node:assert';
import { conforms, project, refused, statics } from './harness.mjs';

export const password = 'practice';

const it = await project('account');
const { account, billing, plan } = it.resources;
const Account = statics('Account');
const { owner: email, region } = it;

async function latest() {
  const messages = await it.messages();
  return messages.at(-1).body;
}

conforms('an account is read and changed', async () => {
  const before = await account.info();
  assert.equal(before.email, email);
  assert.ok(before.created_at instanceof Date);
  assert.equal(await account.edit({ company: 'Frostline', timezone: 'Europe/Paris' }), 'Account Successfully Updated');
  const after = await account.info();
  assert.deepEqual([after.company, after.timezone], ['Frostline', 'Europe/Paris']);
  await refused(account.edit({ timezone: 'Mars/Olympus' }), /^timezone /);
  assert.equal((await plan.getActivePlan()).plan, 'scale');
});

conforms('a login and a profile token need the password', async () => {
  const login = await Account.login({ email, password }, region);
  assert.equal(login.profiles[0].id, it.profile);
  await refused(Account.login({ email, password: 'wrong one' }, region), /^Invalid credentials/);
  const wanted = { profile_id: it.profile, email, password, name: 'script' };
  const { token } = await Account.tokenCreate(wanted, region);
  assert.equal((await it.client('Resources', token).profiles.info('current')).info.id, it.profile);
  await refused(Account.tokenCreate({ ...wanted, password: 'wrong one' }, region), /^Invalid/);
});

conforms('a second factor is enabled, asked for and disabled', async () => {
  await account.enableOTP({ email, password }, 'email');
  await account.confirmOTP(await latest(), 'email');
  assert.equal((await account.info()).otp.email, true);
  await Account.requestLoginPINCode({ email, password }, 'email', region);
  const pin = { otp_type: 'email', pin_code: await latest() };
  assert.equal((await Account.login({ email, password, ...pin }, region)).email, email);
  await refused(Account.login({ email, password, ...pin }, region), /^Invalid PIN/);
  await account.disableOTP({ email, password }, 'email');
  assert.equal((await Account.login({ email, password }, region)).email, email);
});

conforms('a forgotten password is chosen again with what was sent', async () => {
  await Account.passwordRecover(email, region);
  const recovery = it.client('Resources', await latest());
  await recovery.account.passwordChange('another password');
  await Account.login({ email, password: 'another password' }, region);
  await refused(Account.login({ email, password }, region), /^Invalid credentials/);
});

conforms('what a profile may use is allocated', async () => {
  const [before] = await billing.getAllocation();
  assert.equal(before.profile, it.profile);
  await billing.editAllocation([{ profile: it.profile, input: 5 }]);
  assert.equal((await billing.getAllocation())[0].input, 5);
});
