import { createServer, type ServerResponse } from "node:http";
import { onTestFinished } from "vitest";
import { z } from "zod";

// A scripted Messages API on loopback: the real Claude Code runs against it, offline.

/** What to answer when the last text of the user matches: words, and tools to use. */
export interface Line {
  readonly match: RegExp;
  readonly reply?: string;
  readonly tools?: readonly Use[] | ((asked: { readonly said: string }) => readonly Use[]);
}

interface Use {
  readonly name: string;
  readonly input: object;
}

export interface FakeAnthropic {
  readonly url: string;
  /** The texts of the user in each request that had tools, oldest request first. */
  readonly heard: () => readonly (readonly string[])[];
}

const Part = z.looseObject({ type: z.string(), text: z.string().optional() });
const Message = z.looseObject({
  role: z.string(),
  content: z.union([z.string(), z.array(Part)]),
});
const Asked = z.looseObject({
  model: z.string().default("claude"),
  stream: z.boolean().default(false),
  messages: z.array(Message).default([]),
  tools: z.array(z.unknown()).default([]),
});
type Asked = z.infer<typeof Asked>;

/** The server, until the test ends. */
export async function fakeAnthropic(script: readonly Line[]): Promise<FakeAnthropic> {
  const heard: string[][] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const isMessages = request.url?.startsWith("/v1/messages") === true;
      if (!isMessages || request.url?.includes("count_tokens") === true) {
        response.writeHead(200, { "content-type": "application/json" });
        response.end(isMessages ? '{"input_tokens":10}' : "{}");
        return;
      }
      const asked = Asked.parse(JSON.parse(Buffer.concat(chunks).toString()));
      if (asked.tools.length > 0) heard.push(asked.messages.flatMap(textsOf));
      answer(response, asked, blocksOf(script, asked));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  return { url: `http://127.0.0.1:${port}`, heard: () => heard };
}

type Block =
  | { readonly type: "text"; readonly text: string }
  | {
      readonly type: "tool_use";
      readonly id: string;
      readonly name: string;
      readonly input: object;
    };

function blocksOf(script: readonly Line[], { messages, tools }: Asked): readonly Block[] {
  const last = messages.findLast(({ role }) => role === "user");
  const parts = last === undefined || typeof last.content === "string" ? [] : last.content;
  if (parts.some(({ type }) => type === "tool_result")) {
    return [{ type: "text", text: "Done with the tool." }];
  }
  const said = last === undefined ? "" : textsOf(last).join("\n");
  const line = script.find(({ match }) => match.test(said));
  if (line === undefined) return [{ type: "text", text: "OK." }];
  const wanted = typeof line.tools === "function" ? line.tools({ said }) : line.tools;
  const used = tools.length === 0 ? [] : (wanted ?? []);
  return [
    { type: "text", text: line.reply ?? "OK." },
    ...used.map(({ name, input }, n) => ({
      type: "tool_use" as const,
      id: `toolu_${messages.length}${n}`,
      name,
      input,
    })),
  ];
}

function textsOf({ role, content }: z.infer<typeof Message>): string[] {
  if (role !== "user") return [];
  if (typeof content === "string") return [content];
  return content.flatMap(({ type, text }) => (type === "text" && text !== undefined ? [text] : []));
}

const USAGE = {
  input_tokens: 10,
  output_tokens: 10,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
};

function answer(response: ServerResponse, asked: Asked, blocks: readonly Block[]): void {
  const stop_reason = blocks.some(({ type }) => type === "tool_use") ? "tool_use" : "end_turn";
  const message = {
    id: `msg_${asked.messages.length}`,
    type: "message",
    role: "assistant",
    model: asked.model,
    stop_sequence: null,
    usage: USAGE,
  };
  if (!asked.stream) {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify({ ...message, content: blocks, stop_reason }));
    return;
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const tell = (type: string, data: object): void => {
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`);
  };
  tell("message_start", { message: { ...message, content: [], stop_reason: null } });
  for (const [index, block] of blocks.entries()) {
    const isText = block.type === "text";
    const content_block = isText ? { type: "text", text: "" } : { ...block, input: {} };
    const delta = isText
      ? { type: "text_delta", text: block.text }
      : { type: "input_json_delta", partial_json: JSON.stringify(block.input) };
    tell("content_block_start", { index, content_block });
    tell("content_block_delta", { index, delta });
    tell("content_block_stop", { index });
  }
  tell("message_delta", {
    delta: { stop_reason, stop_sequence: null },
    usage: { output_tokens: 10 },
  });
  tell("message_stop", {});
  response.end();
}
