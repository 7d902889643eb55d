// The kernel's side of Jupyter's protocol, where tslab's own falls short.
'use strict';
const ts = require('@tslab/typescript-for-tslab');
const { JupyterHandlerImpl, ZmqServer } = require('tslab/dist/jupyter');

const lookAgainMilliseconds = 1000;

class Handler extends JupyterHandlerImpl {
  handleKernel() {
    const reply = super.handleKernel();
    reply.language_info.version = ts.version;
    return { ...reply, status: 'ok', help_links: [] };
  }
}

class Server extends ZmqServer {
  /** @param {ReturnType<import('./kernel-session.cjs').createSession>} session @param {string} configPath */
  constructor(session, configPath) {
    super(new Handler(session.executor, false), configPath);
    this.session = session;
  }

  // tslab does not wait for what it sends: a socket that may refuse or make wait would lose messages, the one that a cell has ended
  // among them.
  set iopub(socket) {
    this.publisher = Object.assign(socket, { sendHighWaterMark: 0, sendTimeout: 0 });
  }
  get iopub() {
    return this.publisher;
  }
  set shell(socket) {
    this.router = lookingAgain(Object.assign(socket, { sendHighWaterMark: 0, sendTimeout: 0 }));
  }
  get shell() {
    return this.router;
  }
  set control(socket) {
    this.controlRouter = lookingAgain(socket);
  }
  get control() {
    return this.controlRouter;
  }

  async handleExecute(socket, message) {
    const publish = (type, content) => this.answer(this.iopub, message, type, content);
    const content = await this.session.execute(message.content, publish);
    this.answer(socket, message, 'execute_reply', content);
  }

  handleCommInfoRequest(socket, message) {
    this.answer(socket, message, 'comm_info_reply', { status: 'ok', comms: {} });
  }

  answer(socket, message, type, content) {
    const reply = message.createReply();
    reply.header.msg_type = type;
    reply.content = content;
    reply.signAndSend(this.connInfo.key, socket);
  }
}

/**
 * zeromq 6.8 can miss that a message has come, and would wait for it for ever: seen once in many starts of a kernel, whose socket was
 * readable while nobody read. Who waits for messages therefore looks again after a while.
 * @template {import('zeromq').Router} T @param {T} socket @returns {T}
 */
function lookingAgain(socket) {
  socket.receiveTimeout = lookAgainMilliseconds;
  Object.getPrototypeOf(socket)[Symbol.asyncIterator] = messages; // the socket itself is sealed
  return socket;
}

/** @this {import('zeromq').Router} */
async function* messages() {
  while (!this.closed) {
    let message;
    try {
      message = await this.receive();
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      continue;
    }
    yield message;
  }
}

module.exports = { Server };
