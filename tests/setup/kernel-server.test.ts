import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as zmq from 'zeromq';

// eslint-disable-next-line @typescript-eslint/no-require-imports -- plain JavaScript
const { Server } = require('../../lib/setup/kernel-server.cjs') as {
  Server: new (session: object, configPath: string) => { shell: zmq.Router; control: zmq.Router };
};

for (const name of ['shell', 'control'] as const)
  test(`the kernel looks again for messages of ${name} that it was not told of, and ends when it is closed`, async () => {
    const server = new Server({}, '');
    const socket = new zmq.Router({ linger: 0 });
    server[name] = socket;
    assert.equal(server[name], socket);
    assert.ok(socket.receiveTimeout > 0, 'a receive comes back');
    socket.receiveTimeout = 20;
    await socket.bind('tcp://127.0.0.1:*');
    const received: string[] = [];
    const reading = (async () => {
      for await (const [, text] of socket) received.push(String(text));
    })();
    const client = new zmq.Dealer({ linger: 0 });
    client.connect(socket.lastEndpoint ?? '');
    for (const text of ['first', 'after some looks']) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      await client.send(text);
      while (received.at(-1) !== text) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    socket.close();
    await reading;
    client.close();
    assert.deepEqual(received, ['first', 'after some looks']);
  });
