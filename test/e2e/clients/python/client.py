"""Does with nats-py what the end-to-end tests ask for, with one JSON object per line on stdin and stdout; see ../remote.ts."""

import asyncio
import json
import os
import ssl
import sys

import nats
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import KeyNotFoundError

# A call's line may contain a payload of nats-server's max_payload, as JSON.
LINE_LIMIT = 8 << 20


def as_json(message):
    headers = {name: [value] for name, value in (message.headers or {}).items()}
    return {"subject": message.subject, "data": message.data.decode(), "headers": headers}


def tls_context(files):
    """Verifies the server's authority, but not its name: Istio's certificates have no host name."""
    context = ssl.create_default_context(cafile=files["authority"])
    context.check_hostname = False
    context.load_cert_chain(files["certificate"], files["key"])
    return context


class Mailbox:
    """Holds what a callback received until a test takes it."""

    def __init__(self):
        self._items = asyncio.Queue()

    def put(self, item):
        self._items.put_nowait(item)

    async def take(self, count, timeout):
        async def items():
            return [await self._items.get() for _ in range(count)]

        return await asyncio.wait_for(items(), timeout)

    def take_all(self):
        return [self._items.get_nowait() for _ in range(self._items.qsize())]


class Connection:
    """One connection. Each method is a call of the tests."""

    def __init__(self, timeout):
        self._timeout = timeout
        self._errors = Mailbox()
        self._reconnects = 0
        self._subscriptions = []
        self._watches = []

    async def open(self, url, user, reconnect_wait, tls=None):
        options = {}
        if user:
            options.update(user=user, password=user)
        if tls:
            options.update(tls=tls_context(tls), tls_handshake_first=True)

        async def on_error(error):
            self._errors.put(str(error) or repr(error))

        async def on_reconnect():
            self._reconnects += 1

        self._connection = await nats.connect(
            url,
            error_cb=on_error,
            reconnected_cb=on_reconnect,
            reconnect_time_wait=reconnect_wait,
            # It may take a busy machine seconds to start nats-server again, and to connect.
            max_reconnect_attempts=-1,
            connect_timeout=self._timeout,
            **options,
        )
        self._stream = self._connection.jetstream(timeout=self._timeout)

    async def publish(self, subject, data, reply="", headers=None):
        await self._connection.publish(subject, data.encode(), reply=reply, headers=headers)

    async def subscribe(self, subject, queue="", answers=()):
        mailbox = Mailbox()

        async def on_message(message):
            mailbox.put(as_json(message))
            for answer in answers if message.reply else ():
                await self._connection.publish(message.reply, answer.encode(), headers=message.headers)

        subscription = await self._connection.subscribe(subject, queue=queue, cb=on_message)
        self._subscriptions.append((subscription, mailbox))
        return len(self._subscriptions) - 1

    async def take(self, subscription, count):
        return await self._subscriptions[subscription][1].take(count, self._timeout)

    async def take_all(self, subscription):
        return self._subscriptions[subscription][1].take_all()

    async def unsubscribe(self, subscription):
        await self._subscriptions[subscription][0].unsubscribe()

    async def request(self, subject, data, headers=None):
        return as_json(
            await self._connection.request(subject, data.encode(), timeout=self._timeout, headers=headers)
        )

    async def flush(self):
        await self._connection.flush(self._timeout)
        # nats-py runs the callbacks of subscriptions in tasks of their own.
        for subscription, _ in self._subscriptions:
            while subscription.pending_msgs > 0:
                await asyncio.sleep(0.001)

    async def errors(self):
        return self._errors.take_all()

    async def reconnects(self):
        return self._reconnects

    async def drain(self):
        await self._connection.drain()

    async def close(self):
        await self._connection.close()

    async def create_stream(self, stream, subjects):
        await self._stream.add_stream(name=stream, subjects=subjects)

    async def publish_to_stream(self, subject, data):
        return (await self._stream.publish(subject, data.encode())).seq

    async def pull(self, stream, count):
        config = ConsumerConfig(durable_name="pull", ack_policy=AckPolicy.EXPLICIT)
        await self._stream.add_consumer(stream, config)
        subscription = await self._stream.pull_subscribe_bind("pull", stream)
        messages = []
        while len(messages) < count:
            messages += await subscription.fetch(count - len(messages), timeout=self._timeout)
        return await self._account(messages, subscription)

    async def push(self, stream, deliver, count):
        config = ConsumerConfig(durable_name="push", ack_policy=AckPolicy.EXPLICIT, deliver_subject=deliver)
        info = await self._stream.add_consumer(stream, config)
        subscription = await self._stream.subscribe_bind(stream, info.config, "push", manual_ack=True)
        messages = [await subscription.next_msg(timeout=self._timeout) for _ in range(count)]
        return await self._account(messages, subscription)

    async def _account(self, messages, subscription):
        for message in messages:
            await message.ack_sync(timeout=self._timeout)
        info = await subscription.consumer_info()
        return {"messages": [as_json(message) for message in messages], "unacknowledged": info.num_ack_pending}

    async def create_bucket(self, bucket):
        await self._stream.create_key_value(bucket=bucket)

    async def put_key(self, bucket, key, value):
        return await (await self._stream.key_value(bucket)).put(key, value.encode())

    async def get_key(self, bucket, key):
        try:
            return (await (await self._stream.key_value(bucket)).get(key)).value.decode()
        except KeyNotFoundError:
            return None

    async def delete_key(self, bucket, key):
        await (await self._stream.key_value(bucket)).delete(key)

    async def watch_keys(self, bucket):
        self._watches.append(await (await self._stream.key_value(bucket)).watchall())
        return len(self._watches) - 1

    async def take_changes(self, watch, count):
        changes = []
        while len(changes) < count:
            entry = await self._watches[watch].updates(timeout=self._timeout)
            # None means that all initial values have come.
            if entry is not None:
                value = (entry.value or b"").decode()
                changes.append({"key": entry.key, "value": value, "operation": entry.operation or "PUT"})
        return changes


CALLS = {name for name in vars(Connection) if not name.startswith("_")}
connections = []


async def connect(timeout, reconnect_wait, **options):
    connection = Connection(timeout / 1000)
    await connection.open(reconnect_wait=reconnect_wait / 1000, **options)
    connections.append(connection)
    return len(connections) - 1


async def do(call, arguments):
    if call == "connect":
        return await connect(**arguments)
    connection = connections[arguments.pop("connection")]
    if call not in CALLS:
        raise ValueError(f"there is no call {call!r}")
    return await getattr(connection, call)(**arguments)


async def answer(line):
    arguments = json.loads(line)
    reply = {"id": arguments.pop("id")}
    try:
        reply["result"] = await do(arguments.pop("call"), arguments)
    except Exception as error:  # Every failure of the library goes to the tests, which judge it.
        reply["error"] = str(error) or repr(error)
    print(json.dumps(reply), flush=True)


async def main():
    reader = asyncio.StreamReader(limit=LINE_LIMIT)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    tasks = set()
    while line := await reader.readline():
        task = asyncio.create_task(answer(line))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    # Connections that a failed test left open would keep the loop alive.
    sys.stdout.flush()
    os._exit(0)


asyncio.run(main())
