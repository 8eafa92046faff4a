// The SDK in its CommonJS form: the other one does not find papaparse under Node, and fails in Dictionary.
import { createRequire } from 'node:module';

export const sdk = createRequire(import.meta.url)('@tago-io/sdk');
