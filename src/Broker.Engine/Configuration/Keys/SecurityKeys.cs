namespace Broker.Engine.Configuration.Keys;

/// <summary>Encryption, authentication and authorization. For the columns see <see cref="KeyTable"/>.</summary>
internal static class SecurityKeys
{
    public const string Table = """
        ! authorizer.class.name | String |  | Low | R |  |  | there is no authorizer here, and ignoring it would leave open what it should close
        - delegation.token.expiry.check.interval.ms | Long | 3600000 | Low | R | >=1 |  | delegation tokens are not supported
        - delegation.token.expiry.time.ms | Long | 86400000 | Medium | R | >=1 |  | delegation tokens are not supported
        - delegation.token.master.key | Password | ~ | Medium | R |  |  | delegation tokens are not supported
        - delegation.token.max.lifetime.ms | Long | 604800000 | Medium | R | >=1 |  | delegation tokens are not supported
        - delegation.token.secret.key | Password | ~ | Medium | R |  |  | delegation tokens are not supported
        - password.encoder.cipher.algorithm | String | AES/CBC/PKCS5Padding | Low | R |  |  | no secrets are kept in the cluster state
        - password.encoder.iterations | Int | 4096 | Low | R | >=1024 |  | no secrets are kept in the cluster state
        - password.encoder.key.length | Int | 128 | Low | R | >=8 |  | no secrets are kept in the cluster state
        - password.encoder.keyfactory.algorithm | String | ~ | Low | R |  |  | no secrets are kept in the cluster state
        - password.encoder.old.secret | Password | ~ | Medium | R |  |  | no secrets are kept in the cluster state
        - password.encoder.secret | Password | ~ | Medium | R |  |  | no secrets are kept in the cluster state
        ! principal.builder.class | Class | org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.client.callback.handler.class | Class | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.enabled.mechanisms | List | GSSAPI | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.jaas.config | Password | ~ | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.kerberos.kinit.cmd | String | /usr/bin/kinit | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.kerberos.min.time.before.relogin | Long | 60000 | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.kerberos.principal.to.local.rules | List | DEFAULT | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.kerberos.service.name | String | ~ | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.kerberos.ticket.renew.jitter | Double | 0.05 | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.kerberos.ticket.renew.window.factor | Double | 0.8 | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.login.callback.handler.class | Class | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.login.class | Class | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.login.connect.timeout.ms | Int | ~ | Low | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.login.read.timeout.ms | Int | ~ | Low | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.login.refresh.buffer.seconds | Short | 300 | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.login.refresh.min.period.seconds | Short | 60 | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.login.refresh.window.factor | Double | 0.8 | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.login.refresh.window.jitter | Double | 0.05 | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.login.retry.backoff.max.ms | Long | 10000 | Low | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.login.retry.backoff.ms | Long | 100 | Low | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.mechanism.controller.protocol | String | GSSAPI | High | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.mechanism.inter.broker.protocol | String | GSSAPI | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.assertion.algorithm | String | RS256 | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.assertion.claim.aud | String | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.assertion.claim.exp.seconds | Int | 300 | Low | R | 0..86400 |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.assertion.claim.iss | String | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.assertion.claim.jti.include | Boolean | false | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.assertion.claim.nbf.seconds | Int | 60 | Low | R | 0..3600 |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.assertion.claim.sub | String | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.assertion.file | String | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.assertion.private.key.file | String | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.assertion.private.key.passphrase | Password | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.assertion.template.file | String | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.client.credentials.client.id | String | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.client.credentials.client.secret | Password | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.clock.skew.seconds | Int | 30 | Low | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.expected.audience | List |  | High | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.expected.issuer | String | ~ | High | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.jwks.endpoint.refresh.ms | Long | 3600000 | Low | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms | Long | 10000 | Low | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.jwks.endpoint.retry.backoff.ms | Long | 100 | Low | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.jwks.endpoint.url | String | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.jwt.retriever.class | Class | org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.jwt.validator.class | Class | org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.scope | String | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.scope.claim.name | String | scope | Low | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.sub.claim.name | String | sub | Low | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.oauthbearer.token.endpoint.url | String | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.server.callback.handler.class | Class | ~ | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! sasl.server.max.receive.size | Int | 524288 | Medium | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! security.providers | String | ~ | Low | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.allow.dn.changes | Boolean | false | Low | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.allow.san.changes | Boolean | false | Low | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.cipher.suites | List |  | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.client.auth | String | none | Medium | B | required/requested/none |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.enabled.protocols | List | TLSv1.2,TLSv1.3 | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.endpoint.identification.algorithm | String | https | Low | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.engine.factory.class | Class | ~ | Low | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.key.password | Password | ~ | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.keymanager.algorithm | String | SunX509 | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.keystore.certificate.chain | Password | ~ | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.keystore.key | Password | ~ | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.keystore.location | String | ~ | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.keystore.password | Password | ~ | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.keystore.type | String | JKS | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.principal.mapping.rules | String | DEFAULT | Low | R |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.protocol | String | TLSv1.3 | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.provider | String | ~ | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.secure.random.implementation | String | ~ | Low | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.trustmanager.algorithm | String | PKIX | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.truststore.certificates | Password | ~ | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.truststore.location | String | ~ | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.truststore.password | Password | ~ | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        ! ssl.truststore.type | String | JKS | Medium | B |  |  | this broker speaks PLAINTEXT only, and ignoring the key would promise protection that is not there
        """;
}
