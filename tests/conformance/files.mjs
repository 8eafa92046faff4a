import { strict as assert } from 'node:assert';
import { createHash, randomBytes } from 'node:crypto';
import { conforms, project, refused } from './harness.mjs';

const it = await project('files');
const { files } = it.resources;

const base64 = (text) => Buffer.from(text).toString('base64');
const address = (path) => `${it.api}/file/${it.profile}/${path}`;

async function content(url) {
  const response = await fetch(url);
  assert.equal(response.status, 200);
  return Buffer.from(await response.arrayBuffer());
}

conforms('files are uploaded, listed, moved, copied and deleted', async () => {
  await files.uploadBase64([
    { filename: '/plans/one.txt', file: base64('one'), public: true },
    { filename: 'root.txt', file: base64('root'), public: false },
  ]);
  const root = await files.list();
  assert.deepEqual(root.folders, ['plans']);
  assert.deepEqual(root.files.map(({ filename, size }) => [filename, size]), [['root.txt', 4]]);
  assert.ok(root.files[0].last_modified instanceof Date);
  await files.copy([{ from: '/plans/one.txt', to: '/plans/two.txt' }]);
  assert.equal(await files.move([{ from: '/plans/one.txt', to: '/plans/three.txt' }]), 'Successfully Updated');
  const names = async () => (await files.list({ path: '/plans', quantity: 10 })).files.map(({ filename }) => filename);
  assert.deepEqual(await names(), ['plans/three.txt', 'plans/two.txt']);
  await files.delete(['/plans/two.txt']);
  assert.deepEqual(await names(), ['plans/three.txt']);
});

conforms('a private file is read by a signed address and its hash', async () => {
  await files.uploadBase64([{ filename: 'private.txt', file: base64('private'), public: false }]);
  assert.equal((await files.checkPermission('/private.txt')).public, false);
  assert.equal((await fetch(address('private.txt'))).ok, false);
  const signed = await files.getFileURLSigned(address('private.txt'));
  assert.equal((await content(signed)).toString(), 'private');
  assert.equal(await files.getFileMD5(address('private.txt')), createHash('md5').update('private').digest('hex'));
  await files.changePermission([{ file: '/private.txt', public: true }]);
  assert.equal((await files.checkPermission('/private.txt')).public, true);
  assert.equal((await content(address('private.txt'))).toString(), 'private');
  await refused(files.checkPermission('/nothing.txt'), /./);
});

conforms('a large file goes up in parts', async () => {
  const bytes = randomBytes(6 * 2 ** 20);
  const { file } = await files.uploadFile(bytes, '/large.bin', { chunkSize: 5 * 2 ** 20, isPublic: true });
  assert.ok((await content(file)).equals(bytes));
});
