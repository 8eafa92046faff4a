import { strict as assert } from 'node:assert';
import { conforms, project, refused } from './harness.mjs';

const it = await project('dictionaries');
const { dictionaries, run } = it.resources;

async function words() {
  const { dictionary: id } = await dictionaries.create({
    name: 'Words', slug: 'WORDS', fallback: 'en-US',
    languages: [{ code: 'en-US', active: true }, { code: 'fr-FR', active: true }],
  });
  await dictionaries.languageEdit(id, 'en-US', { dictionary: { HELLO: 'Hello $0', BYE: 'Bye' }, active: true });
  await dictionaries.languageEdit(id, 'fr-FR', { dictionary: { HELLO: 'Bonjour $0' }, active: true });
  return id;
}

conforms('a dictionary is made, listed, read, changed and deleted', async () => {
  const { dictionary: id } = await dictionaries.create({ name: 'Rooms', slug: 'ROOMS', fallback: 'en-US', languages: [{ code: 'en-US', active: true }] });
  const made = await dictionaries.info(id);
  assert.deepEqual([made.name, made.slug, made.languages], ['Rooms', 'ROOMS', [{ code: 'en-US', active: true }]]);
  assert.ok(made.created_at instanceof Date);
  await dictionaries.edit(id, { name: 'Halls' });
  const listed = await dictionaries.list({ filter: { name: 'Ha*' }, fields: ['id', 'name', 'slug', 'created_at'], orderBy: ['name', 'desc'] });
  assert.deepEqual(listed.map(({ name, slug }) => [name, slug]), [['Halls', 'ROOMS']]);
  await refused(dictionaries.create({ name: 'Again', slug: 'ROOMS', fallback: 'en-US' }), /slug/);
  assert.equal(await dictionaries.delete(id), 'Successfully Removed');
  await refused(dictionaries.info(id), /does not exist|not found/i);
});

conforms('languages are written, read by id and by slug, and removed', async () => {
  const id = await words();
  assert.deepEqual(await dictionaries.languageInfo(id, 'fr-FR'), { HELLO: 'Bonjour $0' });
  assert.equal((await dictionaries.languageInfoBySlug('WORDS', 'fr-FR')).HELLO, 'Bonjour $0');
  // A language that is not there is answered with the fallback, if that is asked for.
  assert.equal((await dictionaries.languageInfoBySlug('WORDS', 'de-DE')).BYE, 'Bye');
  await dictionaries.languageDelete(id, 'fr-FR');
  await refused(dictionaries.languageInfo(id, 'fr-FR'), /./);
});

conforms('a dictionary is applied to texts', async () => {
  const en = it.client('Dictionary', it.token, { language: 'en-US' });
  assert.deepEqual(await en.getLanguagesData('WORDS'), { HELLO: 'Hello $0', BYE: 'Bye' });
  assert.equal(await en.getValueFromKey('en-US', 'WORDS', 'BYE'), 'Bye');
  assert.equal(await en.getValueFromKey('en-US', 'WORDS', 'NOTHING'), '#WORDS.NOTHING#');
  const expression = en.parseExpression('#WORDS.HELLO,Ana#');
  assert.deepEqual(expression, { dictionary: 'WORDS', key: 'HELLO', params: ['Ana'] });
  assert.equal(await en.resolveExpression({ language: 'en-US', expression }), 'Hello Ana');
  assert.equal((await en.getExpressionsFromString('#WORDS.HELLO,Ana# and #WORDS.BYE#')).length, 2);
  assert.equal(await en.applyToString('#WORDS.HELLO,Ana#, #WORDS.BYE#'), 'Hello Ana, Bye');
  const { url } = await run.info();
  const anonymous = it.client('Dictionary', undefined, { language: 'en-US', runURL: url });
  assert.deepEqual(await anonymous.getLanguagesData('WORDS'), { HELLO: 'Hello $0', BYE: 'Bye' });
});
