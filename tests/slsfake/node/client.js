'use strict';

// Makes every call of @alicloud/log on the emulator whose address is the first
// argument, and checks what it answers. Prints "ok" when all was right.

const assert = require('assert');
const dns = require('dns');

// Projects are names under the endpoint, which here is an address: proj.127.0.0.1
// is no name that anything resolves.
dns.lookup = (host, options, done) => {
  if (typeof options === 'function') {
    done = options;
  }
  if (options.all) {
    done(null, [{ address: '127.0.0.1', family: 4 }]);
  } else {
    done(null, '127.0.0.1', 4);
  }
};

const Client = require('@alicloud/log');

const called = new Set();
const calls = Object.getOwnPropertyNames(Client.prototype).filter(name => name !== 'constructor' && !name.startsWith('_'));

// recorded notes which calls are made.
function recorded(client) {
  for (const name of calls) {
    client[name] = (...args) => {
      called.add(name);
      return Client.prototype[name].apply(client, args);
    };
  }
  return client;
}

function newClient(more) {
  return recorded(new Client(Object.assign(
    { accessKeyId: 'testkey', accessKeySecret: 'testsecret', region: 'cn-test', endpoint: process.argv[2] }, more)));
}

// refused checks that a call is answered with the code.
async function refused(code, promise) {
  await assert.rejects(promise, err => {
    assert.strictEqual(err.code, code, err.message);
    assert.strictEqual(err.name, `${code}Error`);
    assert.match(err.requestid, /^[0-9A-F]{24}$/);
    return true;
  });
}

const client = newClient();
const at = seconds => new Date(seconds * 1000);

async function projects() {
  assert.strictEqual(await client.createProject('made', { description: 'by Node' }), '');
  await refused('ProjectAlreadyExist', client.createProject('made', { description: 'again' }));
  const project = await client.getProject('made');
  assert.strictEqual(project.projectName, 'made');
  assert.strictEqual(project.description, 'by Node');
  assert.strictEqual(project.region, 'cn-hangzhou');
  assert.strictEqual(await client.deleteProject('made'), '');
  await refused('ProjectNotExist', client.getProject('made'));
}

async function logstores() {
  assert.strictEqual(await client.createLogStore('proj', 'logs', { ttl: 10, shardCount: 2 }), '');
  await refused('LogStoreAlreadyExist', client.createLogStore('proj', 'logs', { ttl: 10, shardCount: 2 }));
  await refused('LogStoreInfoInvalid', client.createLogStore('proj', 'Logs', { ttl: 10, shardCount: 2 }));
  assert.strictEqual(await client.createLogStore('proj', 'other', { ttl: 1, shardCount: 1 }), '');
  assert.deepStrictEqual(await client.listLogStore('proj'), { count: 2, total: 2, logstores: ['logs', 'other'] });
  assert.deepStrictEqual(await client.listLogStore('proj', { logstoreName: 'o', offset: 1, size: 1 }),
    { count: 1, total: 2, logstores: ['other'] });
  assert.strictEqual(await client.updateLogStore('proj', 'logs', { ttl: 20, shardCount: 9 }), '');
  const logstore = await client.getLogStore('proj', 'logs');
  assert.deepStrictEqual([logstore.logstoreName, logstore.ttl, logstore.shardCount], ['logs', 20, 2]);
  assert.strictEqual(await client.deleteLogStore('proj', 'other'), '');
  await refused('LogStoreNotExist', client.getLogStore('proj', 'other'));
}

async function write() {
  const post = (topic, logs) => client.postLogStoreLogs('proj', 'logs', {
    topic, source: '10.0.0.1', tags: [{ host: 'n1' }, { 日: '志' }], logs,
  });
  assert.strictEqual(await post('web', [
    { timestamp: 1000, content: { level: 'info', message: 'GET /index ok', status: '200' } },
    { timestamp: 1002, timestampNsPart: 7, content: { level: 'error', message: 'GET /index refused', status: '500' } },
  ]), '');
  assert.strictEqual(await post('db', [{ timestamp: 1001, content: { level: 'info', message: 'connected', empty: '' } }]), '');
  assert.strictEqual(await post('none', []), '');
  await refused('LogStoreNotExist', client.postLogStoreLogs('proj', 'gone', { logs: [] }));
}

async function index() {
  const config = {
    ttl: 7,
    line: { token: [' ', '/'], caseSensitive: false },
    keys: { level: { caseSensitive: false, token: [' '], type: 'text' } },
  };
  await refused('IndexConfigNotExist', client.getLogs('proj', 'logs', at(1), at(2000)));
  await refused('IndexConfigNotExist', client.getIndexConfig('proj', 'logs'));
  assert.strictEqual(await client.createIndex('proj', 'logs', config), '');
  await refused('IndexAlreadyExist', client.createIndex('proj', 'logs', config));
  const { line, keys, ttl } = await client.getIndexConfig('proj', 'logs');
  assert.deepStrictEqual({ line, keys, ttl }, { ...config, ttl: 20 });
  config.keys.status = { type: 'long' };
  assert.strictEqual(await client.updateIndex('proj', 'logs', config), '');
  assert.deepStrictEqual((await client.getIndexConfig('proj', 'logs')).keys, config.keys);
}

async function read() {
  const found = async data => (await client.getLogs('proj', 'logs', at(1000), at(1003), data)).map(log => log.__time__);
  assert.deepStrictEqual(await found(), ['1000', '1001', '1002']);
  assert.deepStrictEqual(await found({ reverse: true, line: 2, offset: 1 }), ['1001', '1000']);
  assert.deepStrictEqual(await found({ topic: 'web' }), ['1000', '1002']);
  assert.deepStrictEqual(await found({ query: 'index not level: error' }), ['1000']);
  assert.deepStrictEqual(await found({ query: '(refused or connected) and not status > 500' }), ['1001', '1002']);
  assert.deepStrictEqual(await client.getLogs('proj', 'logs', at(1002), at(1003)), [{
    __source__: '10.0.0.1', __time__: '1002', __topic__: 'web', '__tag__:host': 'n1', '__tag__:日': '志',
    __time_ns_part__: '7', level: 'error', message: 'GET /index refused', status: '500',
  }]);
  await refused('NotSupported', found({ query: '* | select count(*)' }));
  await refused('ParameterInvalid', found({ query: 'and' }));
  await refused('InvalidTimeRange', client.getLogs('proj', 'logs', at(2), at(1)));

  assert.deepStrictEqual(await client.getHistograms('proj', 'logs', at(1000), at(1003), { query: 'index' }), [
    { from: 1000, to: 1001, count: 1, progress: 'Complete' },
    { from: 1001, to: 1002, count: 0, progress: 'Complete' },
    { from: 1002, to: 1003, count: 1, progress: 'Complete' },
  ]);
  assert.deepStrictEqual(
    await client.getProjectLogs('proj', { query: "select count(*) as n from logs where __time__ > '1000' limit 0,20" }), [{ n: '2' }]);

  assert.strictEqual(await client.deleteIndex('proj', 'logs'), '');
  await refused('IndexConfigNotExist', client.getHistograms('proj', 'logs', at(1), at(2)));
}

async function keys() {
  await refused('Unauthorized', newClient({ accessKeyId: 'nobody' }).getProject('proj'));
  await refused('SignatureNotMatch', newClient({ accessKeySecret: 'guess' }).getProject('proj'));
  await refused('Unauthorized', newClient({ accessKeyId: 'sts' }).getProject('proj'));
  const provided = { getCredentials: async () => ({ accessKeyId: 'sts', accessKeySecret: 'secret', securityToken: 'token' }) };
  assert.strictEqual((await newClient({ credentialsProvider: provided }).getProject('proj')).projectName, 'proj');
}

async function main() {
  await projects();
  await logstores();
  await write();
  await index();
  await read();
  await keys();
  assert.deepStrictEqual(calls.filter(name => !called.has(name)), [], 'calls that were not made');
  console.log(`ok ${calls.length} calls`);
}

main().then(() => process.exit(0), err => {
  console.error(err);
  process.exit(1);
});
