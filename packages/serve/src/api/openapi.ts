import { toJsonSchema } from '@valibot/to-json-schema';
import type * as v from 'valibot';
import { OPERATIONS, type Operation } from './operations.js';
import { PICTURE, ProblemResult } from './schemas.js';

/** The server's operations as OpenAPI 3.1. */
export function openApi(): object {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const [operationId, operation] of Object.entries(OPERATIONS) as [string, Operation][]) {
    const { path, method, summary, body, query, result, open } = operation;
    paths[path] = {
      ...paths[path],
      [method]: {
        operationId,
        summary,
        ...(query && { parameters: parameters(query) }),
        ...(body && { requestBody: { required: true, content: contents(operation, body) } }),
        responses: {
          200: {
            description: 'done',
            content:
              typeof result === 'string' ? { [result]: {} } : { 'application/json': { schema: schemaOf(result) } },
          },
          default: {
            description: 'an error, as RFC 9457 has it',
            content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
          },
        },
        ...(open && { security: [] }),
      },
    };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'diptych', version: '1', description: 'Embeddings of pictures and texts, and search over pictures' },
    paths,
    components: {
      schemas: { Problem: schemaOf(ProblemResult) },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
    security: [{}, { token: [] }],
  };
}

function schemaOf(schema: v.GenericSchema): object {
  const { $schema, ...rest } = toJsonSchema(schema, {
    target: 'draft-2020-12',
    typeMode: 'input',
    errorMode: 'ignore',
    overrideSchema: ({ valibotSchema }) =>
      valibotSchema.type === 'custom' ? { type: 'string', contentEncoding: 'base64', description: PICTURE } : undefined,
  });
  return rest;
}

function contents({ pictures }: Operation, body: v.GenericSchema): object {
  const json = { 'application/json': { schema: schemaOf(body) } };
  if (!pictures) return json;
  const files = Object.fromEntries(
    pictures.map((name) => [name, { type: 'array', items: { type: 'string', format: 'binary' } }]),
  );
  const request = { type: 'string', description: 'the rest of the body, as JSON' };
  return { ...json, 'multipart/form-data': { schema: { type: 'object', properties: { request, ...files } } } };
}

function parameters(query: v.GenericSchema): object[] {
  const { properties = {}, required = [] } = schemaOf(query) as {
    properties?: Record<string, object>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'query',
    required: required.includes(name),
    schema,
  }));
}
