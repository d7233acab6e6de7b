// Preloaded into kinesis-local, which would listen on every interface and on fixed ports.
// Every server goes to 127.0.0.1 and a free port; for each port that the program asked for, the one
// that it got is printed for the test to read.
const net = require('node:net');

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (asked, ...rest) {
  this.once('listening', () => {
    process.stdout.write(`port ${asked} is ${this.address().port}\n`);
  });
  return listen.call(this, { port: 0, host: '127.0.0.1' }, ...rest);
};
