import { strict as assert } from 'node:assert';
import { conforms, project, refused } from './harness.mjs';

const it = await project('notifications');
const { notifications } = it.resources;

conforms('notifications are made, listed, read, pressed and removed', async () => {
  const button = { id: 'ack', label: 'Acknowledge', triggers: [{ analysis_id: 'f'.repeat(24) }] };
  const { id } = await notifications.create({ title: 'Too warm', message: 'Cold room 1', buttons: [button] });
  const { id: other } = await notifications.create({ title: 'Two', message: 'x' });
  const listed = await notifications.list();
  assert.equal(listed.length, 2);
  assert.ok(listed[0].created_at instanceof Date);
  const unread = async () => (await notifications.list({ filter: { read: false } })).map(({ id }) => id);
  await notifications.markAsRead(id);
  assert.deepEqual(await unread(), [other]);
  await notifications.markAsUnread([id]);
  assert.deepEqual((await unread()).sort(), [id, other].sort());
  await notifications.markAllAsRead();
  assert.deepEqual(await unread(), []);
  await notifications.notificationButton(id, 'ack');
  await notifications.remove(id);
  await refused(notifications.remove(id), /does not exist|not found/i);
  await refused(notifications.create({ title: 'x' }), /^message /);
});
