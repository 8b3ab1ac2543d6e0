import { describe, expect, it } from 'vitest';
import { readPathPattern } from '../../src/routing/path-pattern.js';
import { rewritePath } from '../../src/routing/rewrite.js';

describe('a path that a route rewrites', () => {
  it.each([
    ['/users', '/users', '/people', '/people'],
    ['/users/*', '/users/7/posts', '/people', '/people/7/posts'],
    ['/users/*', '/users', '/people', '/people'],
    ['/users/*', '/users/', '/people', '/people/'],
    ['/*', '/users/7', '/v2', '/v2/users/7'],
    // One slash between the template and what follows.
    ['/users/*', '/users/7', '/people/', '/people/7'],
    ['/users/*', '/users/7', '/', '/7'],
    // What follows stays byte for byte.
    ['/users/*', '/users/a%2Fb//c%20d', '/people', '/people/a%2Fb//c%20d'],
    ['/users/*', '//users/7', '/people', '/people/7'],
  ])('of %s is for %s by %s: %s', (pattern, path, template, rewritten) => {
    expect(rewritePath(readPathPattern(pattern, 'path'), path, template)).toBe(rewritten);
  });

  it.each([
    ['/users/{id}', '/users/7', '/people/{id}', '/people/7'],
    ['/users/{id}/posts/{post}', '/users/7/posts/9', '/posts/{post}/of/{id}', '/posts/9/of/7'],
    ['/users/{id}/*', '/users/7/posts/9', '/people/{id}', '/people/7/posts/9'],
    ['/users/{id}', '/users/a%2Fb', '/people/{id}', '/people/a%2Fb'],
    ['/users/{id}', '/users/7', '/people/{id}/{id}', '/people/7/7'],
    // A name that the pattern does not have stays as it is.
    ['/users/{id}', '/users/7', '/people/{name}', '/people/{name}'],
  ])('of %s takes its segments from %s into %s: %s', (pattern, path, template, rewritten) => {
    expect(rewritePath(readPathPattern(pattern, 'path'), path, template)).toBe(rewritten);
  });
});
