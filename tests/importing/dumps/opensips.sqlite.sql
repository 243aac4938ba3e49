PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE subscriber (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    username CHAR(64) DEFAULT '' NOT NULL,
    domain CHAR(64) DEFAULT '' NOT NULL,
    password CHAR(25) DEFAULT '' NOT NULL,
    email_address CHAR(64) DEFAULT '' NOT NULL,
    ha1 CHAR(64) DEFAULT '' NOT NULL,
    ha1_sha256 CHAR(64) DEFAULT '' NOT NULL,
    ha1_sha512t256 CHAR(64) DEFAULT '' NOT NULL,
    rpid CHAR(64) DEFAULT NULL,
    CONSTRAINT subscriber_account_idx  UNIQUE (username, domain)
);
INSERT INTO subscriber VALUES(1,'alice','sip.example.org','rabbit','','92545d60597c036a922b03f8210ead45','','',NULL);
INSERT INTO subscriber VALUES(2,'bob','sip.example.org','','','0bcaf3e02ac674a2d65167c1f8f8ada7','','',NULL);
INSERT INTO subscriber VALUES(3,'juliet','elsewhere.example','capulet','','7cfd2e9e29a041da7645d5f925b228a1','','',NULL);
INSERT INTO subscriber VALUES(4,'romeo','sip.example.org','','','','','',NULL);
COMMIT;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE xcap (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    username CHAR(64) NOT NULL,
    domain CHAR(64) NOT NULL,
    doc BLOB NOT NULL,
    doc_type INTEGER NOT NULL,
    etag CHAR(64) NOT NULL,
    source INTEGER NOT NULL,
    doc_uri CHAR(255) NOT NULL,
    port INTEGER NOT NULL,
    CONSTRAINT xcap_account_doc_type_idx  UNIQUE (username, domain, doc_type, doc_uri)
);
INSERT INTO xcap VALUES(1,'alice','sip.example.org',replace('<?xml version="1.0" encoding="UTF-8"?>\n<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists">\n  <list name="friends">\n    <display-name>Freunde \ l''été; "ok"</display-name>\n    <entry uri="sip:bob@sip.example.org"><display-name>Bob O''Builder</display-name></entry>\n    <entry uri="sip:romeo@jabber.example"/>\n  </list>\n</resource-lists>\n','\n',char(10)),4,'e0',0,'index',0);
INSERT INTO xcap VALUES(2,'alice','sip.example.org',replace('<?xml version="1.0" encoding="UTF-8"?>\n<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">\n  <rule id="allowed">\n    <conditions><identity><one id="sip:romeo@jabber.example"/></identity></conditions>\n    <actions><pr:sub-handling>allow</pr:sub-handling></actions>\n    <transformations><pr:provide-services><pr:all-services/></pr:provide-services><pr:provide-persons><pr:all-persons/></pr:provide-persons></transformations>\n  </rule>\n</ruleset>\n','\n',char(10)),2,'e1',0,'index',0);
INSERT INTO xcap VALUES(3,'bob','sip.example.org','<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists"><list></resource-lists>',4,'e2',0,'index',0);
INSERT INTO xcap VALUES(4,'bob','sip.example.org',replace('<?xml version="1.0" encoding="UTF-8"?>\n<ruleset xmlns="urn:ietf:params:xml:ns:common-policy" xmlns:pr="urn:ietf:params:xml:ns:pres-rules">\n  <rule id="allowed">\n    <conditions><identity><one id="sip:romeo@jabber.example"/></identity></conditions>\n    <actions><pr:sub-handling>allow</pr:sub-handling></actions>\n    <transformations><pr:provide-services><pr:all-services/></pr:provide-services><pr:provide-persons><pr:all-persons/></pr:provide-persons></transformations>\n  </rule>\n</ruleset>\n','\n',char(10)),32,'e3',0,'pres-rules',0);
INSERT INTO xcap VALUES(5,'bob','sip.example.org','<x/>',512,'e4',0,'index',0);
COMMIT;
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE watchers (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    presentity_uri CHAR(255) NOT NULL,
    watcher_username CHAR(64) NOT NULL,
    watcher_domain CHAR(64) NOT NULL,
    event CHAR(64) DEFAULT 'presence' NOT NULL,
    status INTEGER NOT NULL,
    reason CHAR(64),
    inserted_time INTEGER NOT NULL,
    CONSTRAINT watchers_watcher_idx  UNIQUE (presentity_uri, watcher_username, watcher_domain, event)
);
INSERT INTO watchers VALUES(1,'sip:alice@sip.example.org','bob','sip.example.org','presence',1,'',1700000000);
INSERT INTO watchers VALUES(2,'sip:bob@sip.example.org','alice','sip.example.org','presence',2,'',1700000000);
INSERT INTO watchers VALUES(3,'sip:bob@sip.example.org','romeo','jabber.example','presence',3,'rejected',1700000000);
INSERT INTO watchers VALUES(4,'sip:alice@sip.example.org','romeo','jabber.example','presence',3,'timeout',1700000000);
INSERT INTO watchers VALUES(5,'sip:bob@sip.example.org','alice','sip.example.org','dialog',1,'',1700000000);
COMMIT;
