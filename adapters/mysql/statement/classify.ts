import { K, names } from './keywords.js';
import { Keywords, Lexer, Token } from './lexer.js';
import { informationAbout } from './one-server.js';
import {
  ADMINISTRATION,
  AMBIGUOUS,
  ASSIGNS,
  BEGIN,
  BEGIN_READ_ONLY,
  BEGIN_SNAPSHOT,
  CHAIN,
  END,
  EXECUTABLE,
  FOUND_ROWS,
  IN_TRANSACTION,
  INTO,
  LAST,
  LISTED_FUNCTION,
  LOCK_FUNCTION,
  LOCKING,
  MULTIPLE,
  namesThread,
  PRIMARY_SESSION,
  PROGRAM,
  READ,
  SEQUENCE,
  SERVER,
  SERVER_FUNCTION,
  SESSION,
  SESSION_TABLE,
  SETS_INSERT_ID,
  type Statement,
  SYSTEM_VARIABLE,
  UNCERTAIN,
  UNTERMINATED,
  USER_VARIABLE,
  WITH_WRITE,
  WRITE,
} from './verdicts.js';

export interface ClassifyOptions {
  /**
   * Functions of the schema that write or depend on the session, lower case: a call of one goes to
   * the primary.
   */
  readonly primaryFunctions: ReadonlySet<string>;
}

const lexer = new Lexer(new Keywords(names), K.get_lock);

/** The class of a statement. Cost: one pass, below 5 µs per kB; cache it by text. */
export function classify(sql: string, options: ClassifyOptions): Statement {
  lexer.start(sql, { backslashEscapes: true });
  const escaped = scan(sql, options);
  if (!lexer.sawEscapedQuote) return escaped;
  lexer.start(sql, { backslashEscapes: false });
  const literal = scan(sql, options);
  // A reading in which a quote has no end is a syntax error to a server that reads that way: it
  // does no harm there.
  if (literal === escaped || literal === UNTERMINATED) return escaped;
  return escaped === UNTERMINATED ? literal : AMBIGUOUS;
}

function scan(sql: string, options: ClassifyOptions): Statement {
  let first = lexer.next();
  while (first === Token.Open) first = lexer.next();
  switch (first) {
    case K.select:
    case K.with:
    case K.table:
    case K.values:
      return scanRead(sql, options, first === K.select);
    case K.describe:
    case K.desc:
    case K.explain:
      return scanRead(sql, options, false);
    case K.help:
      return toEnd(READ);
    case K.show:
      return scanShow();
    case K.set:
    case K.use:
      return toEnd(SESSION);
    case K.begin:
      return scanBegin();
    case K.start:
      return scanStart();
    case K.commit:
    case K.rollback:
      return scanEnd();
    case K.savepoint:
    case K.release:
      return toEnd(IN_TRANSACTION);
    case K.get:
      return toEnd(LAST);
    case K.kill:
      return toEnd(namesThread(lexer.tokenEnd));
    case K.create:
    case K.drop:
      return scanDefinition();
    case K.call:
    case K.do:
    case K.execute:
    case K.declare:
      return toEnd(PROGRAM);
    case K.prepare:
    case K.deallocate:
    case K.handler:
    case K.lock:
    case K.unlock:
    case K.xa:
    case K.flush:
    case K.backup:
      return toEnd(PRIMARY_SESSION);
    case Token.ExecutableComment:
    case Token.Unterminated:
    case Token.Uncertain:
      return unclear(first);
    case Token.End:
    case Token.Semicolon:
      return WRITE;
    default:
      return toEnd(WRITE);
  }
}

/** From here on nothing is certain, whatever stood before. */
function unclear(token: number): Statement {
  if (token === Token.ExecutableComment) return EXECUTABLE;
  return token === Token.Uncertain ? UNCERTAIN : UNTERMINATED;
}

const isUnclear = (token: number): boolean => token >= Token.ExecutableComment && token <= Token.Uncertain;

/**
 * To the end of a statement already judged, from `token` on: what may still change the verdict
 * stands there.
 */
function toEnd(judged: Statement, first: number = lexer.next()): Statement {
  let verdict = judged;
  for (let token = first; ; token = lexer.next()) {
    if (token === Token.End) return verdict;
    if (isUnclear(token)) return unclear(token);
    if (token === Token.Semicolon && lexer.next() !== Token.End) return MULTIPLE;
    if ((verdict.effect !== 'none' && verdict.effect !== 'insert_id') || verdict.route !== 'primary') continue;
    // A variable or a lock that it leaves in its session.
    if (token === Token.Assign) verdict = ASSIGNS;
    else if (token === K.into && verdict === LOCKING) verdict = INTO;
    else if (token >= K.get_lock && token < K.last_insert_id) verdict = LOCK_FUNCTION;
  }
}

/** SELECT, WITH, TABLE, VALUES, EXPLAIN: a read until something in it says otherwise. */
function scanRead(sql: string, options: ClassifyOptions, isSelect: boolean): Statement {
  let verdict = READ;
  let before: number = Token.End;
  const checkWords = options.primaryFunctions.size > 0;
  let token = lexer.next();
  for (;;) {
    // Most tokens; spared the long way through the cases.
    if (token <= Token.Other && token > (checkWords ? Token.Text : Token.End)) {
      before = token;
      token = lexer.next();
      continue;
    }
    switch (token) {
      case Token.End:
        return verdict;
      case Token.Semicolon:
        if (lexer.next() === Token.End) return verdict;
        return MULTIPLE;
      case Token.ExecutableComment:
      case Token.Unterminated:
      case Token.Uncertain:
        return unclear(token);
      case Token.Assign:
        return toEnd(ASSIGNS);
      case Token.UserVariable:
        if (verdict === READ) verdict = USER_VARIABLE;
        break;
      case Token.SystemVariable:
        if (verdict === READ) verdict = SYSTEM_VARIABLE;
        break;
      case K.into:
        return toEnd(INTO);
      case K.share:
      case K.update:
        if (before === K.for) return toEnd(LOCKING);
        if (token === K.update) return toEnd(WITH_WRITE);
        break;
      case K.lock:
        return toEnd(LOCKING);
      case K.delete:
      case K.returning:
        return toEnd(WITH_WRITE);
      case K.insert:
      case K.replace: {
        // Both are also the names of string functions.
        const following = lexer.next();
        if (following !== Token.Open) return following === Token.End ? WITH_WRITE : toEnd(WITH_WRITE);
        token = following;
        before = Token.Open;
        continue;
      }
      case K.sql_calc_found_rows:
        return toEnd(FOUND_ROWS);
      case K.procedure:
        return toEnd(WRITE);
      case K.value:
        if (before === K.next || before === K.previous) return toEnd(SEQUENCE);
        break;
      case K.for:
      case K.next:
      case K.previous:
        break;
      case K.rowcount:
        // SQL%ROWCOUNT of sql_mode ORACLE; elsewhere a remainder of two columns.
        if (before === Token.Other) verdict = LAST;
        break;
      case K.connection:
        // EXPLAIN FOR CONNECTION
        if (!isSelect && before === K.for) return toEnd(namesThread(lexer.tokenEnd));
        break;
      default:
        if (before === Token.Dot && token >= K.nextval && token < K.load_file) return toEnd(SEQUENCE);
        if (token >= K.get_lock || (checkWords && (token === Token.Word || token === Token.Text))) {
          const start = lexer.tokenStart;
          const end = lexer.tokenEnd;
          const following = lexer.next();
          if (following === Token.Open) {
            const called = token >= K.get_lock ? functionVerdict(token) : READ;
            if (called.route === 'primary') return toEnd(called);
            if (called !== READ) verdict = called;
            if (token === K.last_insert_id) {
              const argument = lexer.next();
              if (argument !== Token.Close) return toEnd(SETS_INSERT_ID, argument);
            }
            if (checkWords && options.primaryFunctions.has(nameIn(sql, start, end))) {
              return toEnd(LISTED_FUNCTION);
            }
          }
          if (following === Token.Dot && token >= K.performance_schema) {
            if (token !== K.information_schema) return toEnd(SERVER);
            token = lexer.next();
            before = Token.Dot;
            const about = informationAbout(nameIn(sql, lexer.tokenStart, lexer.tokenEnd));
            if (about === 'server') return toEnd(SERVER);
            if (about === 'session' && verdict === READ) verdict = SESSION_TABLE;
            continue;
          }
          before = token;
          token = following;
          continue;
        }
    }
    before = token;
    token = lexer.next();
  }
}

/** A name as it is listed: without its quotes, in lower case. */
function nameIn(sql: string, start: number, end: number): string {
  const text = sql.slice(start, end);
  const quote = text[0];
  if (quote !== '`' && quote !== '"') return text.toLowerCase();
  return text
    .slice(1, -1)
    .replaceAll(quote + quote, quote)
    .toLowerCase();
}

/** By the order of the names. */
function functionVerdict(token: number): Statement {
  if (token < K.last_insert_id) return LOCK_FUNCTION;
  if (token < K.nextval) return LAST;
  return token < K.load_file ? SEQUENCE : SERVER_FUNCTION;
}

/** The schema is the same everywhere; statuses, variables and processes are one server's. */
function scanShow(): Statement {
  let token = lexer.next();
  while (token === K.full || token === K.extended) token = lexer.next();
  switch (token) {
    case K.tables:
    case K.columns:
    case K.fields:
    case K.databases:
    case K.schemas:
    case K.index:
    case K.indexes:
    case K.keys:
    case K.create:
    case K.collation:
    case K.character:
    case K.table:
    case K.triggers:
    case K.events:
    case K.procedure:
      return toEnd(READ);
    case K.warnings:
    case K.errors:
    case K.count:
      return toEnd(LAST);
    case Token.End:
      return SERVER;
    default:
      return toEnd(SERVER);
  }
}

/** BEGIN, BEGIN WORK; MariaDB's BEGIN NOT ATOMIC is a block of statements. */
function scanBegin(): Statement {
  const token = lexer.next();
  if (token === Token.End) return BEGIN;
  if (token === K.work) return toEnd(BEGIN);
  if (token === Token.Semicolon) return lexer.next() === Token.End ? BEGIN : MULTIPLE;
  return toEnd(PRIMARY_SESSION);
}

function scanStart(): Statement {
  if (lexer.next() !== K.transaction) return toEnd(ADMINISTRATION);
  let readOnly = false;
  let snapshot = false;
  let before: number = K.transaction;
  for (let token = lexer.next(); token !== Token.End; before = token, token = lexer.next()) {
    if (token === K.only && before === K.read) readOnly = true;
    if (token === K.snapshot) snapshot = true;
    if (isUnclear(token)) return unclear(token);
    if (token === Token.Semicolon && lexer.next() !== Token.End) return MULTIPLE;
  }
  if (!readOnly) return BEGIN;
  return snapshot ? BEGIN_SNAPSHOT : BEGIN_READ_ONLY;
}

function scanEnd(): Statement {
  let verdict = END;
  let before: number = Token.End;
  for (let token = lexer.next(); token !== Token.End; before = token, token = lexer.next()) {
    if (token === K.to) verdict = IN_TRANSACTION;
    if (token === K.chain && before !== K.no) verdict = CHAIN;
    if (isUnclear(token)) return unclear(token);
    if (token === Token.Semicolon && lexer.next() !== Token.End) return MULTIPLE;
  }
  return verdict;
}

/** A temporary table belongs to its session. */
function scanDefinition(): Statement {
  for (let words = 0; words < MAX_WORDS_BEFORE_TEMPORARY; words++) {
    const token = lexer.next();
    if (token === K.temporary) return toEnd(PRIMARY_SESSION);
    if (token === Token.End) return WRITE;
    if (isUnclear(token)) return unclear(token);
    if (token === Token.Open || token === Token.Semicolon) break;
  }
  return toEnd(WRITE);
}

/** CREATE OR REPLACE TEMPORARY TABLE: it is the third word at the latest. */
const MAX_WORDS_BEFORE_TEMPORARY = 3;
