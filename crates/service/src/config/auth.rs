use super::checks::Checks;
use super::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How calls authenticate. What is secret is attached to calls of the configured scheme, host and port alone.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// `bearer` sends a fixed token, `header` a header of the API's own, `basic` user and password,
    /// `oauth_client_credentials` a token that is fetched at `token_url` and renewed by itself.
    pub kind: AuthKind,
    /// Token of `bearer`.
    #[serde(default)]
    pub token: Option<Secret>,
    /// Header of `header`.
    #[serde(default)]
    pub name: Option<String>,
    /// Value of `header`.
    #[serde(default)]
    pub value: Option<Secret>,
    /// User of `basic`.
    #[serde(default)]
    pub user: Option<String>,
    /// Password of `basic`.
    #[serde(default)]
    pub password: Option<Secret>,
    /// Where `oauth_client_credentials` fetches tokens. Its host is thereby allowed, loopback and private ones too.
    #[serde(default)]
    #[schemars(extend("format" = "http-url"))]
    pub token_url: Option<String>,
    /// Client of `oauth_client_credentials`.
    #[serde(default)]
    pub client_id: Option<String>,
    /// Its secret.
    #[serde(default)]
    pub client_secret: Option<Secret>,
    /// How the client shows its secret: `basic`, or `body` for servers that want it in the form.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// Scopes asked for by `oauth_client_credentials`. Empty: the server's default.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Audience asked for by `oauth_client_credentials`, where the server wants one.
    #[serde(default)]
    pub audience: Option<String>,
}

/// How calls authenticate.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum AuthKind {
    // No docs on the variants: with them the schema is a `oneOf`, whose errors do not name the choices.
    Bearer,
    Header,
    Basic,
    OauthClientCredentials,
}

impl AuthKind {
    /// The name users write.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bearer => "bearer",
            Self::Header => "header",
            Self::Basic => "basic",
            Self::OauthClientCredentials => "oauth_client_credentials",
        }
    }
}

/// How an OAuth client shows its secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum ClientAuth {
    #[default]
    Basic,
    Body,
}

/// One kind with what it needs.
#[derive(Clone, Copy, Debug)]
pub enum Auth<'a> {
    /// `authorization: Bearer <token>`.
    Bearer {
        /// The token.
        token: &'a Secret,
    },
    /// A header of the API's own.
    Header {
        /// Its name.
        name: &'a str,
        /// Its value.
        value: &'a Secret,
    },
    /// `authorization: Basic <user:password>`.
    Basic {
        /// The user.
        user: &'a str,
        /// The password.
        password: &'a Secret,
    },
    /// A token by RFC 6749, section 4.4.
    OauthClientCredentials {
        /// Where tokens are fetched.
        token_url: &'a str,
        /// The client.
        client_id: &'a str,
        /// Its secret.
        client_secret: &'a Secret,
    },
}

/// The key a kind cannot do without.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is missing")]
pub struct MissingKey(pub &'static str);

impl AuthConfig {
    /// The kind with what it needs.
    ///
    /// # Errors
    /// The first key that is missing; a loaded configuration lacks none.
    pub fn method(&self) -> Result<Auth<'_>, MissingKey> {
        fn needed<'a, T: ?Sized>(value: Option<&'a T>, key: &'static str) -> Result<&'a T, MissingKey> {
            value.ok_or(MissingKey(key))
        }
        Ok(match self.kind {
            AuthKind::Bearer => Auth::Bearer {
                token: needed(self.token.as_ref(), "token")?,
            },
            AuthKind::Header => Auth::Header {
                name: needed(self.name.as_deref(), "name")?,
                value: needed(self.value.as_ref(), "value")?,
            },
            AuthKind::Basic => Auth::Basic {
                user: needed(self.user.as_deref(), "user")?,
                password: needed(self.password.as_ref(), "password")?,
            },
            AuthKind::OauthClientCredentials => Auth::OauthClientCredentials {
                token_url: needed(self.token_url.as_deref(), "token_url")?,
                client_id: needed(self.client_id.as_deref(), "client_id")?,
                client_secret: needed(self.client_secret.as_ref(), "client_secret")?,
            },
        })
    }

    /// The secrets with their keys.
    pub(super) fn secrets(&self) -> impl Iterator<Item = (&'static str, &Secret)> {
        [
            ("token", &self.token),
            ("value", &self.value),
            ("password", &self.password),
            ("client_secret", &self.client_secret),
        ]
        .into_iter()
        .filter_map(|(key, secret)| Some((key, secret.as_ref()?)))
    }

    pub(super) fn check(&self, at: &str, checks: &mut Checks) {
        for (key, kind, set, required) in self.keys() {
            if kind != self.kind && set {
                checks.add(
                    &format!("{at}.{key}"),
                    format!("only `{}` has it", kind.as_str()),
                    "remove it, or use that kind",
                );
            } else if kind == self.kind && required && !set {
                let reason = "required by this kind and not set";
                checks.add(&format!("{at}.{key}"), reason, format!("set {key}"));
            }
        }
        if let Some(name) = &self.name
            && !super::headers::is_header_name(name)
        {
            checks.add(
                &format!("{at}.name"),
                "not the name of a header",
                "write letters, digits and `-`",
            );
        }
    }

    /// Every key: whose it is, whether it is set, and whether its kind needs it.
    fn keys(&self) -> [(&'static str, AuthKind, bool, bool); 11] {
        use AuthKind::{Basic, Bearer, Header, OauthClientCredentials};
        [
            ("token", Bearer, self.token.is_some(), true),
            ("name", Header, self.name.is_some(), true),
            ("value", Header, self.value.is_some(), true),
            ("user", Basic, self.user.is_some(), true),
            ("password", Basic, self.password.is_some(), true),
            ("token_url", OauthClientCredentials, self.token_url.is_some(), true),
            ("client_id", OauthClientCredentials, self.client_id.is_some(), true),
            (
                "client_secret",
                OauthClientCredentials,
                self.client_secret.is_some(),
                true,
            ),
            (
                "client_auth",
                OauthClientCredentials,
                self.client_auth != ClientAuth::Basic,
                false,
            ),
            ("scopes", OauthClientCredentials, !self.scopes.is_empty(), false),
            ("audience", OauthClientCredentials, self.audience.is_some(), false),
        ]
    }
}
