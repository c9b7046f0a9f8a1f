import {
  AlertOutlined,
  ApiOutlined,
  AuditOutlined,
  CheckSquareOutlined,
  ClusterOutlined,
  DashboardOutlined,
  FileProtectOutlined,
  ForkOutlined,
  NodeIndexOutlined,
  ProfileOutlined,
  SafetyOutlined,
  SettingOutlined,
  TeamOutlined,
} from '@ant-design/icons';
import type { ReactNode } from 'react';
import { MAY } from './permissions';

export type PageName =
  | 'overview'
  | 'alerts'
  | 'incidents'
  | 'whitelist'
  | 'protection'
  | 'defence'
  | 'drift'
  | 'catalogue'
  | 'userRules'
  | 'assets'
  | 'integrations'
  | 'access'
  | 'auditLog';

export interface Place {
  name: PageName;
  path: string;
  icon: ReactNode;
  /** What it takes to see it; pages without one are for everybody. */
  permission?: string;
  /** The key that leads there after `g`. */
  key?: string;
}

export type GroupName = 'groupWatch' | 'groupProtect' | 'groupManage';

/** Every page that the menu leads to. */
export const NAVIGATION: { name: GroupName; places: Place[] }[] = [
  {
    name: 'groupWatch',
    places: [
      { name: 'overview', path: '/', icon: <DashboardOutlined />, key: 'o' },
      { name: 'alerts', path: '/alerts', icon: <AlertOutlined />, key: 'a' },
      { name: 'incidents', path: '/incidents', icon: <NodeIndexOutlined />, key: 'i' },
      { name: 'whitelist', path: '/whitelist-rules', icon: <CheckSquareOutlined /> },
    ],
  },
  {
    name: 'groupProtect',
    places: [
      { name: 'protection', path: '/protection', icon: <SettingOutlined />, key: 'p' },
      { name: 'defence', path: '/defence-rules', icon: <SafetyOutlined /> },
      { name: 'drift', path: '/drift-policy', icon: <ForkOutlined />, key: 'd' },
      { name: 'catalogue', path: '/catalogue', icon: <ProfileOutlined /> },
      { name: 'userRules', path: '/own-rules', icon: <FileProtectOutlined /> },
    ],
  },
  {
    name: 'groupManage',
    places: [
      { name: 'assets', path: '/assets', icon: <ClusterOutlined />, key: 's' },
      { name: 'integrations', path: '/integrations', icon: <ApiOutlined />, permission: MAY.readOutputs },
      { name: 'access', path: '/access', icon: <TeamOutlined />, permission: MAY.manageTokens },
      { name: 'auditLog', path: '/audit-log', icon: <AuditOutlined />, permission: MAY.readAuditLog },
    ],
  },
];

export const PLACES: Place[] = NAVIGATION.flatMap((group) => group.places);
