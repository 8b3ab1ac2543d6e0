import { createHash } from 'node:crypto';
import { pageParts } from './assets.js';

/** The page, and the policy by which a browser runs nothing but it. */
export interface PageDocument {
  readonly html: string;
  readonly policy: string;
}

let made: Promise<PageDocument> | undefined;

/** Made once per process. */
export function pageDocument(): Promise<PageDocument> {
  made ??= make();
  return made;
}

async function make(): Promise<PageDocument> {
  const { script, style } = await pageParts();
  const html = [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width,initial-scale=1">',
    '<meta name="color-scheme" content="light dark"><title>fairlead</title>',
    `<link rel="icon" href="data:,"><style>${style}</style></head><body>`,
    '<noscript>This page needs JavaScript; <a href="api/state">api/state</a> has the same as JSON.</noscript>',
    `<script>${script}</script></body></html>`,
  ].join('');
  const policy = [
    "default-src 'none'",
    `script-src '${hashOf(script)}'`,
    `style-src '${hashOf(style)}'`,
    "connect-src 'self'",
    'img-src data:',
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
  return { html, policy };
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
