--
-- PostgreSQL database dump
--

\restrict 8nNcQWq79UIvDtNUadlz14cEhMMpoFkqq9fBWeKUQu6UCd1yzMkwoFOr1zrc0lo

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: subscriber; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.subscriber (
    id integer NOT NULL,
    username character varying(64) DEFAULT ''::character varying NOT NULL,
    domain character varying(64) DEFAULT ''::character varying NOT NULL,
    password character varying(64) DEFAULT ''::character varying NOT NULL,
    ha1 character varying(128) DEFAULT ''::character varying NOT NULL,
    ha1b character varying(128) DEFAULT ''::character varying NOT NULL
);


ALTER TABLE public.subscriber OWNER TO postgres;

--
-- Name: subscriber_id_seq; Type: SEQUENCE; Schema: public; Owner: postgres
--

CREATE SEQUENCE public.subscriber_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE public.subscriber_id_seq OWNER TO postgres;

--
-- Name: subscriber_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: postgres
--

ALTER SEQUENCE public.subscriber_id_seq OWNED BY public.subscriber.id;


--
-- Name: watchers; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.watchers (
    id integer NOT NULL,
    presentity_uri character varying(255) NOT NULL,
    watcher_username character varying(64) NOT NULL,
    watcher_domain character varying(64) NOT NULL,
    event character varying(64) DEFAULT 'presence'::character varying NOT NULL,
    status integer NOT NULL,
    reason character varying(64),
    inserted_time integer NOT NULL
);


ALTER TABLE public.watchers OWNER TO postgres;

--
-- Name: watchers_id_seq; Type: SEQUENCE; Schema: public; Owner: postgres
--

CREATE SEQUENCE public.watchers_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE public.watchers_id_seq OWNER TO postgres;

--
-- Name: watchers_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: postgres
--

ALTER SEQUENCE public.watchers_id_seq OWNED BY public.watchers.id;


--
-- Name: xcap; Type: TABLE; Schema: public; Owner: postgres
--

CREATE TABLE public.xcap (
    id integer NOT NULL,
    username character varying(64) NOT NULL,
    domain character varying(64) NOT NULL,
    doc bytea NOT NULL,
    doc_type integer NOT NULL,
    etag character varying(128) NOT NULL,
    source integer NOT NULL,
    doc_uri character varying(255) NOT NULL,
    port integer NOT NULL
);


ALTER TABLE public.xcap OWNER TO postgres;

--
-- Name: xcap_id_seq; Type: SEQUENCE; Schema: public; Owner: postgres
--

CREATE SEQUENCE public.xcap_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;


ALTER TABLE public.xcap_id_seq OWNER TO postgres;

--
-- Name: xcap_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: postgres
--

ALTER SEQUENCE public.xcap_id_seq OWNED BY public.xcap.id;


--
-- Name: subscriber id; Type: DEFAULT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.subscriber ALTER COLUMN id SET DEFAULT nextval('public.subscriber_id_seq'::regclass);


--
-- Name: watchers id; Type: DEFAULT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.watchers ALTER COLUMN id SET DEFAULT nextval('public.watchers_id_seq'::regclass);


--
-- Name: xcap id; Type: DEFAULT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.xcap ALTER COLUMN id SET DEFAULT nextval('public.xcap_id_seq'::regclass);


--
-- Data for Name: subscriber; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public.subscriber VALUES (1, 'alice', 'sip.example.org', 'rabbit', '92545d60597c036a922b03f8210ead45', '70ac0081de9ae604e86992a2deddfcc4');
INSERT INTO public.subscriber VALUES (2, 'bob', 'sip.example.org', '', '0bcaf3e02ac674a2d65167c1f8f8ada7', 'a72bc9be5672bcf001b5c5f583326bf7');
INSERT INTO public.subscriber VALUES (3, 'juliet', 'elsewhere.example', 'capulet', '7cfd2e9e29a041da7645d5f925b228a1', '');
INSERT INTO public.subscriber VALUES (4, 'romeo', 'sip.example.org', '', '', '');


--
-- Data for Name: watchers; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public.watchers VALUES (1, 'sip:alice@sip.example.org', 'bob', 'sip.example.org', 'presence', 1, '', 1700000000);
INSERT INTO public.watchers VALUES (2, 'sip:bob@sip.example.org', 'alice', 'sip.example.org', 'presence', 2, '', 1700000000);
INSERT INTO public.watchers VALUES (3, 'sip:bob@sip.example.org', 'romeo', 'jabber.example', 'presence', 3, 'rejected', 1700000000);
INSERT INTO public.watchers VALUES (4, 'sip:alice@sip.example.org', 'romeo', 'jabber.example', 'presence', 3, 'timeout', 1700000000);
INSERT INTO public.watchers VALUES (5, 'sip:bob@sip.example.org', 'alice', 'sip.example.org', 'dialog', 1, '', 1700000000);


--
-- Data for Name: xcap; Type: TABLE DATA; Schema: public; Owner: postgres
--

INSERT INTO public.xcap VALUES (1, 'alice', 'sip.example.org', '\x3c3f786d6c2076657273696f6e3d22312e302220656e636f64696e673d225554462d38223f3e0a3c7265736f757263652d6c6973747320786d6c6e733d2275726e3a696574663a706172616d733a786d6c3a6e733a7265736f757263652d6c69737473223e0a20203c6c697374206e616d653d22667269656e6473223e0a202020203c646973706c61792d6e616d653e467265756e6465205c206c27c3a974c3a93b20226f6b223c2f646973706c61792d6e616d653e0a202020203c656e747279207572693d227369703a626f62407369702e6578616d706c652e6f7267223e3c646973706c61792d6e616d653e426f62204f274275696c6465723c2f646973706c61792d6e616d653e3c2f656e7472793e0a202020203c656e747279207572693d227369703a726f6d656f406a61626265722e6578616d706c65222f3e0a20203c2f6c6973743e0a3c2f7265736f757263652d6c697374733e0a', 4, 'e0', 0, '/xcap-root/resource-lists/users/sip:alice@sip.example.org/index', 0);
INSERT INTO public.xcap VALUES (2, 'alice', 'sip.example.org', '\x3c3f786d6c2076657273696f6e3d22312e302220656e636f64696e673d225554462d38223f3e0a3c72756c6573657420786d6c6e733d2275726e3a696574663a706172616d733a786d6c3a6e733a636f6d6d6f6e2d706f6c6963792220786d6c6e733a70723d2275726e3a696574663a706172616d733a786d6c3a6e733a707265732d72756c6573223e0a20203c72756c652069643d22616c6c6f776564223e0a202020203c636f6e646974696f6e733e3c6964656e746974793e3c6f6e652069643d227369703a726f6d656f406a61626265722e6578616d706c65222f3e3c2f6964656e746974793e3c2f636f6e646974696f6e733e0a202020203c616374696f6e733e3c70723a7375622d68616e646c696e673e616c6c6f773c2f70723a7375622d68616e646c696e673e3c2f616374696f6e733e0a202020203c7472616e73666f726d6174696f6e733e3c70723a70726f766964652d73657276696365733e3c70723a616c6c2d73657276696365732f3e3c2f70723a70726f766964652d73657276696365733e3c70723a70726f766964652d706572736f6e733e3c70723a616c6c2d706572736f6e732f3e3c2f70723a70726f766964652d706572736f6e733e3c2f7472616e73666f726d6174696f6e733e0a20203c2f72756c653e0a3c2f72756c657365743e0a', 2, 'e1', 0, '/xcap-root/pres-rules/users/sip:alice@sip.example.org/index', 0);
INSERT INTO public.xcap VALUES (3, 'bob', 'sip.example.org', '\x3c7265736f757263652d6c6973747320786d6c6e733d2275726e3a696574663a706172616d733a786d6c3a6e733a7265736f757263652d6c69737473223e3c6c6973743e3c2f7265736f757263652d6c697374733e', 4, 'e2', 0, '/xcap-root/resource-lists/users/sip:bob@sip.example.org/index', 0);
INSERT INTO public.xcap VALUES (4, 'bob', 'sip.example.org', '\x3c3f786d6c2076657273696f6e3d22312e302220656e636f64696e673d225554462d38223f3e0a3c72756c6573657420786d6c6e733d2275726e3a696574663a706172616d733a786d6c3a6e733a636f6d6d6f6e2d706f6c6963792220786d6c6e733a70723d2275726e3a696574663a706172616d733a786d6c3a6e733a707265732d72756c6573223e0a20203c72756c652069643d22616c6c6f776564223e0a202020203c636f6e646974696f6e733e3c6964656e746974793e3c6f6e652069643d227369703a726f6d656f406a61626265722e6578616d706c65222f3e3c2f6964656e746974793e3c2f636f6e646974696f6e733e0a202020203c616374696f6e733e3c70723a7375622d68616e646c696e673e616c6c6f773c2f70723a7375622d68616e646c696e673e3c2f616374696f6e733e0a202020203c7472616e73666f726d6174696f6e733e3c70723a70726f766964652d73657276696365733e3c70723a616c6c2d73657276696365732f3e3c2f70723a70726f766964652d73657276696365733e3c70723a70726f766964652d706572736f6e733e3c70723a616c6c2d706572736f6e732f3e3c2f70723a70726f766964652d706572736f6e733e3c2f7472616e73666f726d6174696f6e733e0a20203c2f72756c653e0a3c2f72756c657365743e0a', 2, 'e3', 0, '/xcap-root/org.openmobilealliance.pres-rules/users/sip:bob@sip.example.org/pres-rules', 0);
INSERT INTO public.xcap VALUES (5, 'bob', 'sip.example.org', '\x3c782f3e', 64, 'e4', 0, '/xcap-root/org.openmobilealliance.user-profile/users/sip:bob@sip.example.org/index', 0);


--
-- Name: subscriber_id_seq; Type: SEQUENCE SET; Schema: public; Owner: postgres
--

SELECT pg_catalog.setval('public.subscriber_id_seq', 4, true);


--
-- Name: watchers_id_seq; Type: SEQUENCE SET; Schema: public; Owner: postgres
--

SELECT pg_catalog.setval('public.watchers_id_seq', 5, true);


--
-- Name: xcap_id_seq; Type: SEQUENCE SET; Schema: public; Owner: postgres
--

SELECT pg_catalog.setval('public.xcap_id_seq', 5, true);


--
-- Name: subscriber subscriber_account_idx; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.subscriber
    ADD CONSTRAINT subscriber_account_idx UNIQUE (username, domain);


--
-- Name: subscriber subscriber_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.subscriber
    ADD CONSTRAINT subscriber_pkey PRIMARY KEY (id);


--
-- Name: watchers watchers_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.watchers
    ADD CONSTRAINT watchers_pkey PRIMARY KEY (id);


--
-- Name: watchers watchers_watcher_idx; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.watchers
    ADD CONSTRAINT watchers_watcher_idx UNIQUE (presentity_uri, watcher_username, watcher_domain, event);


--
-- Name: xcap xcap_doc_uri_idx; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.xcap
    ADD CONSTRAINT xcap_doc_uri_idx UNIQUE (doc_uri);


--
-- Name: xcap xcap_pkey; Type: CONSTRAINT; Schema: public; Owner: postgres
--

ALTER TABLE ONLY public.xcap
    ADD CONSTRAINT xcap_pkey PRIMARY KEY (id);


--
-- Name: subscriber_username_idx; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX subscriber_username_idx ON public.subscriber USING btree (username);


--
-- Name: xcap_account_doc_type_idx; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX xcap_account_doc_type_idx ON public.xcap USING btree (username, domain, doc_type);


--
-- Name: xcap_account_doc_type_uri_idx; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX xcap_account_doc_type_uri_idx ON public.xcap USING btree (username, domain, doc_type, doc_uri);


--
-- Name: xcap_account_doc_uri_idx; Type: INDEX; Schema: public; Owner: postgres
--

CREATE INDEX xcap_account_doc_uri_idx ON public.xcap USING btree (username, domain, doc_uri);


--
-- PostgreSQL database dump complete
--

\unrestrict 8nNcQWq79UIvDtNUadlz14cEhMMpoFkqq9fBWeKUQu6UCd1yzMkwoFOr1zrc0lo

